//! protoc, which the build of etcd-client calls. It comes with a crate of ours, as another crate's build script
//! could not set it for that build.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{install, say_fetching};
use crate::process::capture;
use crate::workspace::Workspace;

/// The compiler and the descriptions it brings (`google/protobuf/*.proto`); the build needs both.
pub(super) struct Protoc {
    pub(super) program: PathBuf,
    pub(super) include: Option<PathBuf>,
}

/// `PROTOC` where it is set, else the vendored one. That is copied to `target/tools`, so that its path stays the same
/// when cargo cleans its own folders: a changed `PROTOC` means another build of etcd-client.
pub(super) fn acquire(workspace: &Workspace) -> Result<Protoc> {
    if let Some(program) = env::var_os("PROTOC") {
        let include = env::var_os("PROTOC_INCLUDE").map(PathBuf::from);
        return Ok(Protoc { program: program.into(), include });
    }
    let program =
        protoc_bin_vendored::protoc_bin_path().context("no protoc for this platform; set PROTOC")?;
    let include = protoc_bin_vendored::include_path().context("no protoc for this platform; set PROTOC")?;
    let said = capture(Command::new(&program).arg("--version"))?;
    let version = said.split_whitespace().next_back().context("protoc names no version")?;

    let home = workspace.tools().join(format!("protoc-{version}"));
    if !home.is_dir() {
        say_fetching(&format!("protoc {version} (from the crate protoc-bin-vendored)"));
        install(&home, |scratch| {
            fs::create_dir_all(scratch.join("bin"))?;
            fs::copy(&program, scratch.join("bin/protoc"))?;
            copy_tree(&include, &scratch.join("include"))
        })?;
    }
    Ok(Protoc { program: home.join("bin/protoc"), include: Some(home.join("include")) })
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &to.join(entry.file_name()))?;
        } else {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
