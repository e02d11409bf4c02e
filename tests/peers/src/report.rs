//! From timings to rows, and from rows to the file.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::{Context, Result};
use bench::{Goal, Peer, Row, Timing, Unit, markdown};

/// What the author has to say about the figures; it outlives each run.
const REMARKS: &str = include_str!("../remarks.md");

/// What came out.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    /// What could not be measured, and why.
    gaps: Vec<String>,
}

impl Report {
    pub(crate) fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn gap(&mut self, gap: String) {
        self.gaps.push(gap);
    }

    /// Ours, the first, against the best of the others.
    pub(crate) fn race(&mut self, what: &str, timings: &[Timing], goal: Goal) -> Result<()> {
        let (ours, others) = timings.split_first().context("nobody was timed")?;
        let best = others.iter().min_by(|one, other| one.nanos.total_cmp(&other.nanos));
        let peer = best.map(|best| Peer { name: best.name.clone(), figure: best.nanos });
        self.row(Row { what: what.to_owned(), unit: Unit::Nanos, ours: ours.nanos, peer, goal });
        Ok(())
    }

    pub(crate) fn table(&self) -> String {
        self.gaps.iter().fold(markdown(&self.rows), |text, gap| text + "\nNot measured: " + gap + "\n")
    }

    /// Writes `RESULTS.md` beside the manifest.
    pub(crate) fn write(&self) -> Result<()> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
        let (cores, rustc) = (available_parallelism()?, rustc()?);
        let machine = format!("{cores} cores ({}, {})", std::env::consts::ARCH, std::env::consts::OS);
        let text = format!(
            "# Aldis and its peers\n\nMade by `cargo xtask bench` on a machine with {machine}, with {rustc}.\n\n\
             {}\n{REMARKS}",
            self.table(),
        );
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
    }
}

fn rustc() -> Result<String> {
    let output = Command::new("rustc").arg("--version").output().context("cannot run rustc")?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
