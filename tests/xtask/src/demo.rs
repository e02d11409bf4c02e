//! `cargo xtask demo`: `aldis demo`, built and run. Needs no etcd.

use anyhow::Result;

use crate::cargo::cargo;
use crate::process;
use crate::tools::Toolbox;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let tools = Toolbox::for_builds(workspace)?;
    let mut command = cargo(workspace, &tools, &["run", "--package", "aldis-etcd", "--features", "cli"]);
    process::show(command.args(["--bin", "aldis", "--", "demo"]).args(arguments))
}
