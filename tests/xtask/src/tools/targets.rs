//! The compilation targets of the modules and of the `no_std` proof. `rust-toolchain.toml` names them too, but a
//! toolchain that is there already does not get them by that.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{capture, on_path};
use crate::workspace::Workspace;

/// The guest and the filter for Envoy: no host imports but their own, no JavaScript.
pub(crate) const WASM: &str = "wasm32v1-none";
/// The package for JavaScript, which wasm-bindgen builds on; and the filter that ours for Envoy is measured against.
pub(crate) const WEB: &str = "wasm32-unknown-unknown";
/// A bare-metal target without `std`, as proof that core needs none.
pub(crate) const BARE_METAL: &str = "thumbv7em-none-eabihf";

pub(super) fn add_missing(workspace: &Workspace) -> Result<()> {
    [WASM, WEB, BARE_METAL].into_iter().try_for_each(|target| add(workspace, target))
}

/// Adds one target, if it is not there.
fn add(workspace: &Workspace, target: &str) -> Result<()> {
    let sysroot = capture(Command::new("rustc").args(["--print", "sysroot"]).current_dir(workspace.root()))?;
    if Path::new(sysroot.trim()).join("lib/rustlib").join(target).is_dir() {
        return Ok(());
    }
    if on_path("rustup").is_none() {
        bail!("this Rust has no target {target} and there is no rustup to add it; install Rust by rustup");
    }
    eprintln!("fetching the Rust target {target} by rustup");
    capture(Command::new("rustup").args(["target", "add", target]).current_dir(workspace.root()))
        .with_context(|| format!("cannot add the target {target}; try `rustup target add {target}`"))?;
    Ok(())
}
