//! The package: the module, its JavaScript and its types, and what npm wants to know.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{copy_files, make_unless_made};
use crate::cargo::cargo;
use crate::process::{capture, show};
use crate::tools::{Toolbox, WEB};
use crate::workspace::Workspace;

const PROFILE: &str = "web";
const MODULE: &str = "aldis_web_bg.wasm";

/// Builds the package into `to`.
pub(super) fn build(workspace: &Workspace, tools: &Toolbox, stage: &Path, to: &Path) -> Result<()> {
    let module = compile(workspace, tools)?;
    let made = to.join(MODULE);
    make_unless_made(&stage.join("built.wasm"), &fs::read(&module)?, made.is_file(), || {
        let _ = fs::remove_dir_all(to);
        let mut bindgen =
            cargo(workspace, tools, &["run", "--quiet", "--locked", "--package", "aldis-bindgen", "--"]);
        show(bindgen.arg(&module).arg(to))?;
        shrink(tools, stage, &made)
    })?;
    copy_files(&workspace.root().join("wasm/web/package"), to)
}

/// In a target folder of its own, with flags of its own: those that are meant for other code, and where this machine keeps
/// its crates, must not show in what is shipped.
fn compile(workspace: &Workspace, tools: &Toolbox) -> Result<PathBuf> {
    let target = super::folder(workspace).join("build");
    let mut build =
        cargo(workspace, tools, &["build", "--locked", "--package", "aldis-web", "--target", WEB]);
    build.args(["--profile", PROFILE, "--target-dir"]).arg(&target);
    let home = env::var_os("CARGO_HOME").map(Into::into).or_else(|| Some(env::home_dir()?.join(".cargo")));
    let home = home.context("whoever builds has a home")?;
    build.env("CARGO_ENCODED_RUSTFLAGS", format!("--remap-path-prefix={}=/cargo", home.display()));
    show(&mut build)?;
    Ok(target.join(WEB).join(PROFILE).join("aldis_web.wasm"))
}

/// By wasm-opt, for size; names of functions go.
fn shrink(tools: &Toolbox, stage: &Path, module: &Path) -> Result<()> {
    let mut opt = Command::new(tools.node());
    opt.arg(stage.join("node_modules/binaryen/bin/wasm-opt"));
    opt.args(["-Oz", "--strip-debug", "--strip-producers"]).arg(module).arg("-o").arg(module);
    capture(&mut opt).context("wasm-opt fails")?;
    Ok(())
}
