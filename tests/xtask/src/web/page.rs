//! The page: its types are checked, and it is bundled with all that it needs.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::copy_files;
use crate::process::show;
use crate::tools::Toolbox;
use crate::workspace::Workspace;

/// What begins by itself: the page, and the worker that does the work.
const ENTRIES: [&str; 2] = ["page/main.ts", "page/worker.ts"];
/// What is taken as it stands.
const PLAIN: [&str; 3] = ["index.html", "style.css", "icon.svg"];

/// Builds the page of `at/stage` and `at/pkg` into `at/page`.
pub(super) fn build(workspace: &Workspace, tools: &Toolbox, stage: &Path, at: &Path) -> Result<()> {
    let sources = workspace.root().join("wasm/web/page");
    let (staged, page) = (stage.join("page"), at.join("page"));
    for folder in [&staged, &page] {
        let _ = fs::remove_dir_all(folder);
    }
    copy_files(&sources, &staged)?;
    copy_files(&at.join("pkg"), &stage.join("node_modules/aldis-web"))?;
    show(node(tools, stage, "typescript/bin/tsc").args(["--project", "page"]))?;
    let mut esbuild = node(tools, stage, "esbuild/bin/esbuild");
    esbuild.args(ENTRIES).args([
        "--bundle",
        "--format=esm",
        "--target=es2022",
        "--minify",
        "--legal-comments=none",
    ]);
    show(esbuild.arg("--log-level=warning").arg(format!("--outdir={}", page.display())))?;
    for file in PLAIN {
        fs::copy(sources.join(file), page.join(file)).with_context(|| format!("the page has no {file}"))?;
    }
    let module = "aldis_web_bg.wasm";
    fs::copy(at.join("pkg").join(module), page.join(module))?;
    Ok(())
}

/// A program that npm fetched.
fn node(tools: &Toolbox, stage: &Path, program: &str) -> Command {
    let mut node = Command::new(tools.node());
    node.arg(stage.join("node_modules").join(program)).current_dir(stage);
    node
}
