//! What must hold in the manifests of the workspace.

use std::fs;

use anyhow::{Context, Result};

use super::report;
use crate::workspace::Workspace;

/// The lints hold for a package only if its manifest says so.
pub(super) fn every_package_is_under_the_lints(workspace: &Workspace) -> Result<()> {
    for (member, manifest) in listed(workspace, "members")? {
        report(&format!("{member} is under the workspace lints"), inherits_lints(&manifest))?;
    }
    report("a package without them is noticed", !inherits_lints("[package]\nname = \"twin\"\n[lints]\n"))
}

/// The peers are a workspace of their own, which cannot inherit ours.
pub(super) fn the_peers_are_under_the_same_lints(workspace: &Workspace) -> Result<()> {
    let read = |manifest: &str| fs::read_to_string(workspace.root().join(manifest));
    let (ours, theirs) = (read("Cargo.toml")?, read("tests/peers/Cargo.toml")?);
    report("the peers are under the same lints", inherits_lints(&theirs) && lints(&ours) == lints(&theirs))?;
    let twin = theirs.replacen("= \"deny\"", "= \"warn\"", 1);
    report("a lint that is weaker there is noticed", lints(&ours) != lints(&twin))
}

/// The lines that set a lint of the workspace.
fn lints(manifest: &str) -> Vec<&str> {
    let tables = manifest.split("\n[").filter(|table| table.starts_with("workspace.lints."));
    tables.flat_map(str::lines).filter(|line| line.contains('=') || line.contains(']')).collect()
}

/// `CONTRIBUTING.md` says of each crate why it and not its neighbour.
pub(super) fn every_dependency_has_its_reason(workspace: &Workspace) -> Result<()> {
    let reasons = fs::read_to_string(workspace.root().join("CONTRIBUTING.md"))?;
    // What is a workspace of its own still needs its reasons.
    let manifests = [listed(workspace, "members")?, listed(workspace, "exclude")?].concat();
    for name in manifests.iter().flat_map(|(_, manifest)| unexplained(manifest, &reasons)) {
        report(&format!("{name} has its line in CONTRIBUTING.md"), false)?;
    }
    report("each dependency has its line in CONTRIBUTING.md", true)?;
    let twin = unexplained_in_twin();
    report("a dependency without one is noticed", twin == ["left-pad"])
}

fn unexplained_in_twin() -> Vec<&'static str> {
    unexplained(
        "[dev-dependencies]\nserde.workspace = true\nleft-pad = \"1\"\n[lints]\n",
        "| serde | x | y |\n",
    )
}

/// Each folder of a list in the root manifest, and the manifest in it.
fn listed(workspace: &Workspace, list: &str) -> Result<Vec<(String, String)>> {
    let root = fs::read_to_string(workspace.root().join("Cargo.toml"))?;
    let folders = folders_of(&root, list).with_context(|| format!("the root manifest has no {list}"))?;
    let read = |folder: String| {
        let manifest = workspace.root().join(&folder).join("Cargo.toml");
        let text = fs::read_to_string(&manifest).with_context(|| format!("no {}", manifest.display()))?;
        Ok((folder, text))
    };
    folders.into_iter().map(read).collect()
}

fn folders_of(manifest: &str, list: &str) -> Option<Vec<String>> {
    let (_, rest) = manifest.split_once(&format!("\n{list} = ["))?;
    let (folders, _) = rest.split_once(']')?;
    let folders = folders.split(',').map(|folder| folder.trim().trim_matches('"').to_owned());
    Some(folders.filter(|folder| !folder.is_empty()).collect())
}

fn inherits_lints(manifest: &str) -> bool {
    manifest.split_once("[lints]").is_some_and(|(_, rest)| rest.trim_start().starts_with("workspace = true"))
}

/// The crates of others in the dependency tables that begin no cell of the table of reasons.
fn unexplained<'m>(manifest: &'m str, reasons: &str) -> Vec<&'m str> {
    let explained: Vec<&str> = reasons
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" |"))
        .flat_map(|(crates, _)| crates.split(", "))
        .collect();
    let mut in_dependencies = false;
    let mut unexplained = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_dependencies = line.ends_with("dependencies]");
        } else if let Some((name, _)) = line.split_once(['.', ' ', '='])
            && in_dependencies
            && line.starts_with(|first: char| first.is_ascii_lowercase())
            && !name.starts_with("aldis-")
            && !explained.contains(&name)
        {
            unexplained.push(name);
        }
    }
    unexplained
}
