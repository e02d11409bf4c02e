//! `cargo xtask gates`: for each gate a known-bad twin, which must fail, and fail for the reason we mean.
//!
//! The twins of gates that are tests (import order, exports of the guest, allocations) stand beside those tests.

mod manifests;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::cargo;
use crate::mutants;
use crate::process;
use crate::tools::{BARE_METAL, Toolbox};
use crate::workspace::Workspace;

/// A statement that must not pass clippy under our lints, and the lint that must say so.
const DENIED: &[(&str, &str)] = &[
    ("clippy::unwrap_used", "let _ = Some(1).unwrap();"),
    ("clippy::expect_used", "let _ = Some(1).expect(\"one\");"),
    ("clippy::panic", "if std::env::args().count() > 9 { panic!(\"nine\") }"),
    ("clippy::todo", "if std::env::args().count() > 8 { todo!() }"),
    ("clippy::unimplemented", "if std::env::args().count() > 7 { unimplemented!() }"),
    ("clippy::unreachable", "if std::env::args().count() > 6 { unreachable!() }"),
    ("clippy::indexing_slicing", "let all = vec![1]; let _ = all[std::env::args().count()];"),
    ("clippy::string_slice", "let text = String::from(\"text\"); let _ = &text[1..];"),
    ("clippy::cast_possible_truncation", "let _ = std::env::args().count() as u8;"),
    ("clippy::allow_attributes_without_reason", "#[allow(unused_variables)] let unused = 1;"),
    ("unsafe_code", "let one = 1; let _ = unsafe { *std::ptr::from_ref(&one) };"),
];

pub(crate) fn run(workspace: &Workspace, _arguments: &[String]) -> Result<()> {
    let gates = Gates { workspace, tools: Toolbox::for_builds(workspace)? };
    gates.lints_deny_what_they_name()?;
    gates.core_builds_only_without_std()?;
    manifests::every_package_is_under_the_lints(workspace)?;
    manifests::the_peers_are_under_the_same_lints(workspace)?;
    manifests::every_dependency_has_its_reason(workspace)?;
    gates.precompiled_guests_come_without_the_compiler()?;
    mutants::run(workspace, &[])
}

struct Gates<'w> {
    workspace: &'w Workspace,
    tools: Toolbox,
}

impl Gates<'_> {
    /// One crate with every offence in it, under the lints of our own workspace.
    fn lints_deny_what_they_name(&self) -> Result<()> {
        let lints = lints_of(&fs::read_to_string(self.workspace.root().join("Cargo.toml"))?)?;
        let offences: String = DENIED.iter().map(|(_, offence)| format!("    {{ {offence} }}\n")).collect();
        let twin = self.plant("lints", &lints, &format!("pub fn undocumented() {{\n{offences}}}\n"))?;
        let said = self.fails(&twin, &["clippy", "--message-format=json"])?;
        for lint in DENIED.iter().map(|(lint, _)| lint).chain(&["missing_docs"]) {
            let named = said.lines().any(|line| {
                line.contains(&format!("\"code\":\"{lint}\"")) && line.contains("\"level\":\"error\"")
            });
            report(&format!("clippy refuses what {lint} forbids"), named)?;
        }
        Ok(())
    }

    /// The target of the `no_std` proof must refuse a crate that uses `std`.
    fn core_builds_only_without_std(&self) -> Result<()> {
        let twin = self.plant("no-std", "", "#![no_std]\nextern crate std;\n")?;
        let said = self.fails(&twin, &["build", "--message-format=json", "--target", BARE_METAL])?;
        report("the no_std build refuses std", said.contains("\"code\":\"E0463\""))
    }

    /// Who takes the feature `guest-runtime` takes it to leave Cranelift out.
    fn precompiled_guests_come_without_the_compiler(&self) -> Result<()> {
        let has_compiler = |feature| {
            let tree =
                ["tree", "--locked", "--package", "aldis-etcd", "--edges", "normal", "--features", feature];
            let tree = process::capture(&mut cargo(self.workspace, &self.tools, &tree))?;
            anyhow::Ok(tree.contains("cranelift-codegen "))
        };
        report("guest-runtime comes without the compiler", !has_compiler("guest-runtime")?)?;
        report("the compiler in a tree is noticed", has_compiler("guest")?)
    }

    /// A crate below `target/gates`, in a workspace of its own.
    fn plant(&self, name: &str, lints: &str, source: &str) -> Result<PathBuf> {
        let home = self.workspace.target().join("gates").join(name);
        fs::create_dir_all(home.join("src"))?;
        let manifest = format!(
            "[package]\nname = \"twin-{name}\"\nedition = \"2024\"\npublish = false\n[lints]\nworkspace = true\n\
             [workspace]\n{}",
            if lints.is_empty() { "[workspace.lints.rust]\n" } else { lints },
        );
        fs::write(home.join("Cargo.toml"), manifest)?;
        fs::write(home.join("src/lib.rs"), format!("//! A known-bad twin.\n{source}"))?;
        Ok(home)
    }

    /// What cargo printed while it failed.
    fn fails(&self, twin: &Path, arguments: &[&str]) -> Result<String> {
        let mut command: Command = cargo(self.workspace, &self.tools, arguments);
        command.current_dir(twin).env("CARGO_TARGET_DIR", twin.join("target"));
        let output =
            command.env("CLIPPY_CONF_DIR", self.workspace.root()).output().context("cannot run cargo")?;
        if output.status.success() {
            bail!("the known-bad twin {} passes", twin.display());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The `[workspace.lints.…]` tables, as they stand.
fn lints_of(manifest: &str) -> Result<String> {
    let start = manifest.find("[workspace.lints.").context("the workspace has no lints")?;
    let rest = manifest.get(start..).unwrap_or_default();
    let end = rest.find("\n[profile").unwrap_or(rest.len());
    Ok(rest.get(..end).unwrap_or_default().to_owned())
}

fn report(what: &str, holds: bool) -> Result<()> {
    println!("gate: {what} ... {}", if holds { "ok" } else { "FAILED" });
    if !holds {
        bail!("the gate does not hold: {what}");
    }
    Ok(())
}
