//! `cargo xtask lint`: format, clippy and rustdoc, each with warnings denied.

use std::process::Command;

use anyhow::Result;

use crate::bench;
use crate::cargo::cargo;
use crate::process;
use crate::tools::Toolbox;
use crate::workspace::Workspace;

/// What clippy reads. A feature that is always on beside another may lean on it unnoticed, so the host comes in parts as
/// well; core and the modules come as they are built for wasm.
const CLIPPY: &[&str] = &[
    "--workspace --all-targets --all-features",
    "--package aldis-etcd",
    "--package aldis-etcd --features guest-runtime",
    "--package aldis-etcd --features guest",
    "--package aldis-etcd --features relay",
    "--package aldis-core --no-default-features --target wasm32v1-none",
    "--package aldis-guest --target wasm32v1-none",
    "--package aldis-envoy --target wasm32v1-none",
    "--package aldis-answer --target wasm32v1-none",
    "--package aldis-web --target wasm32-unknown-unknown",
];
/// The fuzzer, a workspace of its own. Without the feature that links libFuzzer, for which a C++ compiler would be needed.
const FUZZER: &str = "tests/fuzz/Cargo.toml";
const DENIED: &[&str] = &["--", "-D", "warnings"];

/// `lint`, and `lint peers` for what has to be built to be read, and is built only for benchmarks.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let tools = Toolbox::for_builds(workspace)?;
    add_missing_components(workspace, &tools)?;
    if arguments == ["peers"] {
        let clippy = ["clippy", "--workspace", "--all-targets"];
        return process::show(bench::cargo_of_peers(workspace, &tools, &clippy).args(DENIED));
    }
    let run = |arguments: &[&str]| process::show(&mut cargo(workspace, &tools, arguments));

    run(&["fmt", "--all", "--", "--check"])?;
    run(&["fmt", "--manifest-path", FUZZER, "--", "--check"])?;
    run(&["fmt", "--manifest-path", bench::PEERS, "--all", "--", "--check"])?;
    for what in CLIPPY {
        let arguments: Vec<&str> = ["clippy"].into_iter().chain(what.split(' ')).collect();
        run(&[&arguments, DENIED].concat())?;
    }
    let mut fuzzer = cargo(workspace, &tools, &["clippy", "--locked", "--manifest-path", FUZZER]);
    process::show(fuzzer.arg("--target-dir").arg(workspace.target().join("fuzz")).args(DENIED))?;
    let mut doc = cargo(workspace, &tools, &["doc", "--workspace", "--all-features", "--no-deps"]);
    process::show(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

/// A toolchain installed before it met our `rust-toolchain.toml` may lack them.
fn add_missing_components(workspace: &Workspace, tools: &Toolbox) -> Result<()> {
    for component in ["clippy", "rustfmt"] {
        let name = if component == "rustfmt" { "fmt" } else { component };
        if process::capture(&mut cargo(workspace, tools, &[name, "--version"])).is_err() {
            eprintln!("fetching {component} by rustup");
            process::capture(
                Command::new("rustup").args(["component", "add", component]).current_dir(workspace.root()),
            )?;
        }
    }
    Ok(())
}
