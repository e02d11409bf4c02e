//! `cargo xtask bench [WORKLOAD …]`: Aldis and its peers at the same work, in one run.

use std::process::Command;

use anyhow::Result;

use crate::cargo::cargo;
use crate::process;
use crate::tools::Toolbox;
use crate::workspace::Workspace;

/// The peers are a workspace of their own: nobody else has to wait for their build.
pub(crate) const PEERS: &str = "tests/peers/Cargo.toml";

/// The programs of the benchmarks, the one that runs the others last.
const PACKAGES: [&str; 2] = ["aldis-engines", "aldis-peers"];

/// Without arguments all workloads, and the table goes to `tests/peers/RESULTS.md`. `envoy` is a program of its own.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    if arguments == ["envoy"] {
        return envoy(workspace);
    }
    let tools = Toolbox::for_benchmarks(workspace)?;
    // The one that is run runs the others. They are not built together: each would choose features for the other.
    for package in PACKAGES {
        process::show(&mut cargo_of_peers(workspace, &tools, &["build", "--package", package]))?;
    }
    process::show(cargo_of_peers(workspace, &tools, &["run", "--quiet"]).arg("--").args(arguments))
}

/// What the filter costs a request in Envoy, beside none and beside a plain one.
fn envoy(workspace: &Workspace) -> Result<()> {
    let tools = Toolbox::for_envoy(workspace)?;
    let run = ["run", "--quiet", "--release", "--locked", "--package", "aldis-envoy-bench"];
    process::show(&mut cargo(workspace, &tools, &run))
}

/// `cargo <arguments>` on the peers, optimised, in a build of their own.
pub(crate) fn cargo_of_peers(workspace: &Workspace, tools: &Toolbox, arguments: &[&str]) -> Command {
    let mut command = cargo(workspace, tools, arguments);
    command.args(["--release", "--locked", "--manifest-path", PEERS]);
    command.env("CARGO_TARGET_DIR", workspace.target().join("peers"));
    command
}
