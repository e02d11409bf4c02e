//! A copy of the pure rooms, in a workspace of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::list::Mutation;
use crate::workspace::Workspace;

/// The rooms of the host that do no I/O, with their tests.
const ROOMS: &[&str] = &["clock", "backoff", "watch", "mirror"];

/// What they know of the key-value seam.
const SEAM: &[&str] = &["entry", "error", "key", "source", "token"];

/// What the pure rooms need.
const MANIFEST: &str = r#"[package]
name = "aldis-etcd"
version.workspace = true
edition.workspace = true
[dependencies]
aldis-answer.workspace = true
aldis-core = { workspace = true, features = ["std"] }
async-trait.workspace = true
bytes.workspace = true
fastrand.workspace = true
thiserror = { workspace = true, features = ["std"] }
"#;

/// Quick to build where it changes, quick to run where it does not.
const PROFILE: &str = r#"
[profile.dev]
debug = false
[profile.dev.package.aldis-core]
opt-level = 2
[profile.dev.package."*"]
opt-level = 2
"#;

/// How long a suite may take: half a minute where nothing is broken, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a suite said.
pub(super) struct Said {
    /// Whether it passed; `None` if it did not come to an end.
    pub(super) passed: Option<bool>,
    pub(super) text: String,
}

/// One copy, which can be mutated and run.
pub(super) struct House {
    root: PathBuf,
}

impl House {
    /// A fresh copy of the sources; what was built of an earlier one stays.
    pub(super) fn set_up(workspace: &Workspace, name: &str) -> Result<Self> {
        let root = workspace.target().join("mutants").join(name);
        for folder in ["core", "host-etcd", "tests"] {
            let folder = root.join(folder);
            if folder.exists() {
                fs::remove_dir_all(&folder)?;
            }
        }
        copy(&workspace.root().join("core"), &root.join("core"))?;
        copy(&workspace.root().join("tests/watch_sim"), &root.join("tests/watch_sim"))?;
        copy_rooms(&workspace.root().join("host-etcd/src"), &root.join("host-etcd/src"))?;
        fs::write(root.join("host-etcd/Cargo.toml"), MANIFEST)?;
        let manifest = fs::read_to_string(workspace.root().join("Cargo.toml"))?;
        fs::write(root.join("Cargo.toml"), small(&manifest)?)?;
        fs::copy(workspace.root().join("Cargo.lock"), root.join("Cargo.lock"))?;
        Ok(Self { root })
    }

    /// Applies a mutation; the text as it was.
    pub(super) fn mutate(&self, mutation: &Mutation) -> Result<String> {
        let file = self.root.join("host-etcd/src").join(mutation.file);
        let original = fs::read_to_string(&file).with_context(|| format!("no {}", mutation.file))?;
        let mutated = mutated(&original, mutation)?;
        fs::write(file, mutated)?;
        Ok(original)
    }

    pub(super) fn restore(&self, mutation: &Mutation, original: &str) -> Result<()> {
        Ok(fs::write(self.root.join("host-etcd/src").join(mutation.file), original)?)
    }

    /// The tests beside the rooms. What does not build is an error, not a mutant that was noticed.
    pub(super) fn test(&self) -> Result<Said> {
        let tests = [
            "test",
            "--package",
            "aldis-etcd",
            "--lib",
            "--no-run",
            "--message-format=json-render-diagnostics",
        ];
        let built = self.build(&tests)?;
        let (_, rest) = built.rsplit_once("\"executable\":\"").context("cargo names no test binary")?;
        let binary = rest.split('"').next().unwrap_or_default();
        patiently(&mut Command::new(binary), &self.root)
    }

    /// The simulation, an hour for each seed.
    pub(super) fn simulate(&self, seeds: &str) -> Result<Said> {
        self.build(&["build", "--package", "aldis-sim"])?;
        let binary = self.root.join("target/debug/aldis-sim");
        patiently(Command::new(binary).args([seeds, "1"]), &self.root)
    }

    fn build(&self, arguments: &[&str]) -> Result<String> {
        let output = self.cargo(arguments)?;
        if !output.status.success() {
            bail!("it does not build:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn cargo(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", self.root.join("target"));
        // A mutation touches one file again and again: here incremental builds pay, whatever is said outside.
        command.env("CARGO_INCREMENTAL", "1");
        command.args(arguments).output().context("cannot run cargo")
    }
}

/// Runs it, but not for ever: a mutant may never come to an end.
fn patiently(command: &mut Command, home: &Path) -> Result<Said> {
    let paper = home.join("said.txt");
    let mut child = command
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(File::create(&paper)?)
        .stderr(Stdio::null())
        .spawn()
        .context("cannot run what was built")?;
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Said { passed: Some(status.success()), text: fs::read_to_string(&paper)? });
        }
        if began.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(Said { passed: None, text: String::new() });
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// The one place where the text occurs, replaced.
fn mutated(original: &str, mutation: &Mutation) -> Result<String> {
    let Mutation { file, find, replace, why, .. } = mutation;
    match original.matches(find).count() {
        1 => Ok(original.replacen(find, replace, 1)),
        places => bail!("\"{why}\" is to change one place in {file}, and its text is found in {places}"),
    }
}

/// The root's manifest with only what is here.
fn small(manifest: &str) -> Result<String> {
    let (_, rest) =
        manifest.split_once("[workspace.package]").context("the workspace has a package table")?;
    let (tables, _) = rest.split_once("\n[profile").unwrap_or((rest, ""));
    let members = r#"members = ["core", "core/answer", "host-etcd", "tests/watch_sim"]"#;
    Ok(format!("[workspace]\nresolver = \"3\"\n{members}\n\n[workspace.package]{tables}\n{PROFILE}"))
}

fn copy_rooms(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let mut map = "//! The pure rooms.\n".to_owned();
    for room in ROOMS {
        fs::copy(from.join(room).with_extension("rs"), to.join(room).with_extension("rs"))?;
        if from.join(room).is_dir() {
            copy(&from.join(room), &to.join(room))?;
        }
        map += &format!("pub mod {room};\n");
    }
    map += "/// What they know of the seam.\npub mod kv {\n    pub use bytes::Bytes;\n";
    fs::create_dir_all(to.join("kv"))?;
    for part in SEAM {
        let file = Path::new("kv").join(part).with_extension("rs");
        fs::copy(from.join(&file), to.join(&file))?;
        map += &format!("    mod {part};\n    pub use self::{part}::*;\n");
    }
    Ok(fs::write(to.join("lib.rs"), map + "}\n")?)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("no {}", from.display()))? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &to)?,
            false => fs::copy(entry.path(), to).map(|_| ())?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::list::Noticed;
    use super::*;

    #[test]
    fn a_text_that_is_not_found_once_is_an_error() {
        let mutation = Mutation {
            statement: "8.1",
            why: "twin",
            file: "watch.rs",
            find: "one",
            replace: "two",
            noticed: Noticed::Both,
        };
        assert_eq!(mutated("one is", &mutation).ok().as_deref(), Some("two is"));
        assert!(mutated("nil", &mutation).is_err());
        assert!(mutated("one and one", &mutation).is_err());
    }
}
