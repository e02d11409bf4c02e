//! What the README shows, Envoy takes.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use aldis_envoy::Config;

use crate::module::module;
use crate::placed::placed;

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

/// The example as `cargo xtask envoy` runs it; each of its files of the filter in its turn.
#[test]
fn envoy_takes_the_example() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/envoy");
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let here = |file: &str| {
        placed(&fs::read_to_string(example.join(file)).expect("is there"), module(), scratch.path())
    };
    fs::write(scratch.path().join("filter.yaml"), here("quiet.yaml")).expect("a file is written");
    assert_eq!(takes(&here("envoy.yaml")), Ok(()));
    for file in ["quiet.yaml", "watched.yaml"] {
        let text = here(file);
        let (_, json) = text.split_once("value: |\n").expect("has a configuration");
        let configuration = Config::parse(json.as_bytes());
        assert!(configuration.is_ok(), "{file}: {configuration:?}");
        assert!(
            Config::parse(json.replace("x-tenant", "x tenant").as_bytes()).is_err(),
            "the twin of {file}"
        );
    }
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

/// How large the module is, within what it may differ by from what the README says of it.
#[test]
fn the_module_is_as_large_as_the_readme_says() {
    let bytes = fs::metadata(module()).expect("was built").len();
    assert!(says_size(README, bytes), "{bytes} bytes");
    assert!(!says_size(README, bytes * 11 / 10) && !says_size(README, bytes * 10 / 11), "the twins");
}

fn says_size(readme: &str, bytes: u64) -> bool {
    let (_, rest) = readme.split_once("aldis_envoy.wasm   # ").expect("says it");
    let kilobytes: u64 = rest.split(' ').next().and_then(|number| number.parse().ok()).expect("is a number");
    (kilobytes * 1000).abs_diff(bytes) * 100 <= kilobytes * 1000 * 4
}
