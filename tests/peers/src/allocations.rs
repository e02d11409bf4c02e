//! The figures of the program that counts.

use std::env;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// What was counted.
pub(crate) struct Counted(String);

impl Counted {
    /// Runs that program; it lies beside this one.
    pub(crate) fn measure() -> Result<Self> {
        let program = env::current_exe()?.with_file_name("aldis-peers-memory");
        let output = Command::new(&program).output().context("cannot run aldis-peers-memory beside us")?;
        if !output.status.success() {
            bail!("aldis-peers-memory: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(Self(String::from_utf8(output.stdout)?))
    }

    /// One of its figures.
    pub(crate) fn figure(&self, name: &str) -> Result<f64> {
        let mut lines = self.0.lines().filter_map(|line| line.split_once(' '));
        let (_, figure) = lines.find(|(given, _)| *given == name).with_context(|| format!("no {name}"))?;
        Ok(figure.parse()?)
    }
}
