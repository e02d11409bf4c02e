//! The figures of the program that counts allocations.

use anyhow::{Context, Result};
use bench::{Goal, Peer, Row, Unit};
use peers::scene::DECODED;

use crate::report::Report;
use crate::sibling;

pub(crate) fn run(report: &mut Report) -> Result<()> {
    let counted = Counted(sibling::run("aldis-peers-memory")?);
    let theirs = |figure| Some(Peer { name: "osproxy decode".to_owned(), figure });
    #[allow(clippy::cast_precision_loss, reason = "ten thousand is exact")]
    let each = |name: &str| Ok::<_, anyhow::Error>(counted.figure(name)? / DECODED as f64);
    report.row(Row {
        what: "decode and compile 10 000 directives: peak memory".to_owned(),
        unit: Unit::Bytes,
        ours: counted.figure("decode_peak_ours")?,
        peer: theirs(counted.figure("decode_peak_theirs")?),
        goal: Goal::Ratio(0.35),
    });
    report.row(Row {
        what: "decode and compile 10 000 directives: allocations for each".to_owned(),
        unit: Unit::Count,
        ours: each("decode_allocations_ours")?,
        peer: theirs(each("decode_allocations_theirs")?),
        goal: Goal::AtMost(0.01),
    });
    report.row(Row {
        what: "evaluate: allocations".to_owned(),
        unit: Unit::Count,
        ours: counted.figure("evaluate_allocations_ours")?,
        peer: None,
        goal: Goal::AtMost(0.0),
    });
    Ok(())
}

/// What was counted.
struct Counted(String);

impl Counted {
    /// One of its figures.
    fn figure(&self, name: &str) -> Result<f64> {
        let mut lines = self.0.lines().filter_map(|line| line.split_once(' '));
        let (_, figure) = lines.find(|(given, _)| *given == name).with_context(|| format!("no {name}"))?;
        Ok(figure.parse()?)
    }
}
