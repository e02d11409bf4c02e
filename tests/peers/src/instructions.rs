//! How many instructions a decision takes: counted by valgrind, so the same on any day.

use std::env;
use std::process::Command;

use anyhow::{Context, Result, bail};
use bench::{Goal, Peer, Row, Unit};

use crate::report::Report;

/// The difference of two runs is what the further requests took, and nothing of the start.
const REQUESTS: [u32; 2] = [1_024, 3 * 1_024];

pub(crate) fn run(report: &mut Report) -> Result<()> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        report.gap("instructions per decision, as valgrind is not installed.".to_owned());
        return Ok(());
    }
    for (directives, what) in [("1", "1 directive"), ("100", "100 directives")] {
        let ours = instructions_each("ours", directives)?;
        let theirs = instructions_each("theirs", directives)?;
        report.row(Row {
            what: format!("evaluate: instructions, tenant hit, {what}"),
            unit: Unit::Count,
            ours,
            peer: Some(Peer { name: "osproxy × 3".to_owned(), figure: theirs }),
            goal: Goal::Reported,
        });
    }
    Ok(())
}

fn instructions_each(who: &str, directives: &str) -> Result<f64> {
    let [few, many] = REQUESTS.map(|requests| instructions(who, directives, requests));
    Ok((many? - few?) / f64::from(REQUESTS[1] - REQUESTS[0]))
}

fn instructions(who: &str, directives: &str, requests: u32) -> Result<f64> {
    let program = env::current_exe()?.with_file_name("aldis-peers-asks");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    let output = valgrind.arg(program).args([who, directives, &requests.to_string()]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("valgrind: {}", said.lines().last().unwrap_or("failed without a word"));
    }
    let collected = said.lines().find_map(|line| line.split_once("Collected : ")).context("no count")?;
    Ok(collected.1.trim().parse()?)
}
