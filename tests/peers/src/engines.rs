//! The figures of the program that asks the engines for rules and flags.

use anyhow::{Context, Result};
use bench::{Goal, Timing};
use peers::scene::grouped;

use crate::report::Report;
use crate::sibling;

/// The best of the others, and then each by itself.
pub(crate) fn run(report: &mut Report) -> Result<()> {
    let told = sibling::run("aldis-engines")?;
    for count in [100, 10_000] {
        let timings = timings(&told, count).context("aldis-engines wrote something else")?;
        let what = format!("evaluate: {} rules, tenant → level", grouped(count));
        report.race(&what, &timings, Goal::Ratio(0.10))?;
        let (ours, others) = timings.split_first().context("nobody was timed")?;
        for other in others {
            report.race("… beside each", &[ours.clone(), other.clone()], Goal::Reported)?;
        }
    }
    Ok(())
}

fn timings(told: &str, count: usize) -> Option<Vec<Timing>> {
    let count = count.to_string();
    let lines = told.lines().filter_map(|line| line.split_once('\t')).filter(|(given, _)| *given == count);
    let timing = |(_, rest): (&str, &str)| {
        let (name, nanos) = rest.split_once('\t')?;
        Some(Timing { name: name.to_owned(), nanos: nanos.parse().ok()? })
    };
    lines.map(timing).collect()
}
