//! What the README shows, Envoy takes.

use std::env;
use std::fs;
use std::process::Command;

use crate::module::module;

const README: &str = include_str!("../../wasm/envoy/README.md");

/// Whether Envoy takes a file as its configuration, the plugin's among it; and what it says.
fn takes(yaml: &str) -> Result<(), String> {
    let home = tempfile::tempdir().expect("a scratch folder");
    let file = home.path().join("envoy.yaml");
    fs::write(&file, yaml).expect("a file is written");
    let program = env::var_os("ALDIS_ENVOY").unwrap_or_else(|| "envoy".into());
    let mut envoy = Command::new(program);
    envoy.args(["--mode", "validate", "--use-dynamic-base-id", "-c"]).arg(&file);
    let output = envoy.output().expect("envoy runs; `cargo xtask test` gets one");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(said) }
}

/// The listener as it is shown, with the module where it lies here.
fn listener() -> String {
    let block = README.split_once("```yaml\n").and_then(|(_, rest)| rest.split_once("```"));
    let shown = block.expect("the README shows a listener").0;
    shown.replace("/etc/envoy/aldis_envoy.wasm", &module().display().to_string())
}

#[test]
fn envoy_takes_the_listener_that_the_readme_shows() {
    assert_eq!(takes(&listener()), Ok(()));
    // The twins: something Envoy does not know, and something that only the filter would notice.
    for (right, wrong) in
        [("fail_open: true", "fails_open: true"), ("\"relay_cluster\"", "\"relay_clusters\"")]
    {
        let twin = listener().replace(right, wrong);
        assert!(
            takes(&twin)
                .is_err_and(|said| said.contains(wrong.trim_matches('"').split(':').next().expect("a name"))),
            "{wrong}"
        );
    }
}
