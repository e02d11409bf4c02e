//! From timings to rows, and from rows to the file.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::{Context, Result};
use bench::{Goal, Peer, Row, Timing, Unit};

/// The first against the best of the others.
pub(crate) fn row(what: &str, unit: Unit, timings: &[Timing], goal: Goal) -> Result<Row> {
    let (ours, others) = timings.split_first().context("nobody was timed")?;
    let best = others.iter().min_by(|one, other| one.nanos.total_cmp(&other.nanos));
    let peer = best.map(|best| Peer { name: best.name.clone(), figure: best.nanos });
    Ok(Row { what: what.to_owned(), unit, ours: ours.nanos, peer, goal })
}

/// Writes `RESULTS.md` beside the manifest.
pub(crate) fn write(table: &str) -> Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
    let (cores, rustc) = (available_parallelism()?, rustc()?);
    let text = format!(
        "# Aldis and its peers\n\n\
         Made by `cargo xtask bench`, on a machine with {cores} cores ({}, {}), with {rustc}.\n\n\
         {table}",
        std::env::consts::ARCH,
        std::env::consts::OS,
    );
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn rustc() -> Result<String> {
    let output = Command::new("rustc").arg("--version").output().context("cannot run rustc")?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
