//! What npm fetches: into the stage, and nowhere near the sources.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::make_unless_made;
use crate::process::capture;
use crate::tools::npm;
use crate::workspace::Workspace;

const LOCK: &str = "package-lock.json";
/// Says of which lock file the folder beside it was filled.
const DONE: &str = "installed-lock.json";

/// Fills `stage/node_modules` as the lock file says, unless it is.
pub(super) fn install(workspace: &Workspace, stage: &Path) -> Result<()> {
    let from = workspace.root().join("wasm/web/npm");
    let lock = fs::read(from.join(LOCK)).context("the page's lock file is missing")?;
    make_unless_made(&stage.join(DONE), &lock, stage.join("node_modules").is_dir(), || {
        eprintln!("fetching the bundler, CodeMirror and wasm-opt (npm ci) into target/web/stage");
        fs::create_dir_all(stage)?;
        for file in ["package.json", LOCK] {
            fs::copy(from.join(file), stage.join(file))?;
        }
        // Scripts of packages have no business here: the programs come as files.
        let mut npm = npm(workspace)?;
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(stage);
        capture(&mut npm).context("npm ci does not work")?;
        Ok(())
    })
}
