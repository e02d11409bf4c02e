//! `cargo xtask bench [WORKLOAD …]`: Aldis and its peers at the same work, in one run.

use anyhow::Result;

use crate::cargo::cargo;
use crate::process;
use crate::tools::Toolbox;
use crate::workspace::Workspace;

/// The peers are a workspace of their own, with a build of their own: nobody else has to wait for them.
const PEERS: &str = "tests/peers/Cargo.toml";

/// Without arguments all workloads, and the table goes to `tests/peers/RESULTS.md`.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let tools = Toolbox::for_builds(workspace)?;
    let peers = |arguments: &[&str]| {
        let mut command = cargo(workspace, &tools, arguments);
        command.args(["--release", "--locked", "--manifest-path", PEERS]);
        command.env("CARGO_TARGET_DIR", workspace.target().join("peers"));
        command
    };
    process::show(&mut peers(&["build"]))?;
    process::show(peers(&["run", "--quiet"]).arg("--").args(arguments))
}
