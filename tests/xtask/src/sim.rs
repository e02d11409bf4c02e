//! `cargo xtask sim [SEEDS] [HOURS]`: the long run of the simulation, built for speed, on all cores.

use anyhow::Result;

use crate::cargo::cargo;
use crate::process;
use crate::tools::Toolbox;
use crate::workspace::Workspace;

/// `sim` for 100 000 seeds of a day each, `sim 42..43` to replay one, `sim 5000 1` for an hour each.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let tools = Toolbox::for_builds(workspace)?;
    let mut command = cargo(workspace, &tools, &["run", "--release", "--package", "aldis-sim", "--"]);
    process::show(command.args(arguments))
}
