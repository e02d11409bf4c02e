//! The inner cargo: the same one that runs us, with the tools in its environment.

use std::env;
use std::process::Command;

use crate::tools::Toolbox;
use crate::workspace::Workspace;

/// `cargo <arguments>` at the root of the workspace.
pub(crate) fn cargo(workspace: &Workspace, tools: &Toolbox, arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace.root()).args(arguments).envs(tools.exports());
    forget_outer_cargo(&mut command);
    command
}

/// `cargo run` describes *us* in the environment. Build scripts that look there (ring's does) would build again each
/// time the xtask and a plain cargo take turns.
fn forget_outer_cargo(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        let ours = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
        if ours.iter().any(|prefix| name.starts_with(prefix)) || name == "LD_LIBRARY_PATH" {
            command.env_remove(&*name);
        }
    }
}
