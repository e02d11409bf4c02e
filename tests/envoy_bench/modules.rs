//! The modules under test, built as they are deployed.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// A package for a target, as a module. In a folder of its own: the outer cargo may hold the lock of the usual one.
pub(crate) fn build(package: &str, target: &str) -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = root.join("target/envoy-bench");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(&root).args(["build", "--quiet", "--locked", "--package", package]);
    cargo.args(["--target", target, "--profile", "guest", "--target-dir"]).arg(&folder);
    ensure!(cargo.status().context("cargo is there")?.success(), "{package} does not build");
    Ok(folder.join(target).join("guest").join(package.replace('-', "_") + ".wasm").canonicalize()?)
}
