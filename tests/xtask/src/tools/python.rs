//! wasmtime for Python, in which `examples/python-host` runs the guest.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{install, pip, say_fetching};
use crate::process::capture;
use crate::workspace::Workspace;

/// The oldest on which all vectors were seen to hold.
const OLDEST_MAJOR: u32 = 14;
/// The one that is fetched where Python has none, or an older one. It takes any Python from 3.9 on.
const VERSION: &str = "50.0.1";

/// Loads the engine, so that one of another machine fails, and prints the version of the package.
const PROBE: &str =
    "import importlib.metadata as m, wasmtime; wasmtime.Engine(); print(m.version('wasmtime'))";

/// The folder that Python must look into: `ALDIS_PYTHONPATH` where it is set, none if Python has a usable package by
/// itself, else one that is filled by pip.
pub(super) fn acquire(workspace: &Workspace) -> Result<Option<PathBuf>> {
    if let Some(packages) = env::var_os("ALDIS_PYTHONPATH") {
        return Ok(Some(packages.into()));
    }
    if is_usable(None) {
        return Ok(None);
    }
    let home = workspace.tools().join(format!("python-wasmtime-{VERSION}"));
    if !home.is_dir() {
        say_fetching(&format!("wasmtime {VERSION} for Python (wasmtime, by pip)"));
        let fetched = install(&home, |scratch| {
            pip::unpack("wasmtime", VERSION, scratch)?;
            if !is_usable(Some(scratch)) {
                bail!("what was fetched does not run here");
            }
            Ok(())
        });
        fetched.context("no wasmtime for Python to be had; it needs Python 3.9 or later, and pip")?;
    }
    Ok(Some(home))
}

fn is_usable(packages: Option<&Path>) -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", PROBE]).env("PYTHONDONTWRITEBYTECODE", "1");
    if let Some(packages) = packages {
        python.env("PYTHONPATH", packages);
    }
    capture(&mut python).ok().and_then(|said| major(&said)).is_some_and(|major| major >= OLDEST_MAJOR)
}

/// The first number of `50.0.1`.
fn major(said: &str) -> Option<u32> {
    said.trim().split_once('.')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{OLDEST_MAJOR, VERSION, major};

    #[test]
    fn versions_are_read_and_what_is_none_is_too_old() {
        assert_eq!(major("48.0.0\n"), Some(48));
        assert!(major(VERSION).is_some_and(|major| major >= OLDEST_MAJOR));
        assert!(major("0.40.0").is_some_and(|major| major < OLDEST_MAJOR));
        for none in ["", "48", "v48.0.0", "ModuleNotFoundError: No module named 'wasmtime'"] {
            assert_eq!(major(none), None, "{none}");
        }
    }
}
