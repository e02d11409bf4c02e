//! `cargo xtask lint`: format, clippy and rustdoc, each with warnings denied.

use std::process::Command;

use anyhow::Result;

use crate::cargo::cargo;
use crate::process;
use crate::tools::{Toolbox, WASM};
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, _arguments: &[String]) -> Result<()> {
    let tools = Toolbox::for_builds(workspace)?;
    add_missing_components(workspace, &tools)?;
    let run = |arguments: &[&str]| process::show(&mut cargo(workspace, &tools, arguments));

    run(&["fmt", "--all", "--", "--check"])?;
    run(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"])?;
    run(&[
        "clippy",
        "--package",
        "aldis-core",
        "--no-default-features",
        "--target",
        WASM,
        "--",
        "-D",
        "warnings",
    ])?;
    run(&["clippy", "--package", "aldis-guest", "--target", WASM, "--", "-D", "warnings"])?;

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
