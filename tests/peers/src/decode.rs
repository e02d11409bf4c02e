//! From bytes to a set that can be asked.

use aldis_core::DirectiveSet;
use anyhow::{Context, Result};
use bench::{Contender, Goal, Pace, Peer, Row, ThreadTime, Timing, Unit, race};
use peers::reference;
use peers::scene::{self, ANCHOR, DECODED};

use crate::allocations::Counted;
use crate::report;

pub(crate) fn run() -> Result<Vec<Row>> {
    let timings = timings()?;
    let mut rows =
        vec![time(&timings, "decode and compile 10 000 directives: time", "decode and compile", 0.30)?];
    rows.extend(memory()?);
    rows.push(time(&timings, "validate an image of 10 000 directives", "validate", 0.02)?);
    Ok(rows)
}

/// What all give is the number of directives.
fn timings() -> Result<Vec<Timing>> {
    let scene = scene::mixed(DECODED);
    let document = [scene.document.as_bytes()];
    let image = DirectiveSet::decode(scene.document.as_bytes(), ANCHOR)?.into_image();
    let image = [image.as_slice()];
    let mut contenders = [
        Contender::new("decode and compile", &document, |body| DirectiveSet::decode(body, ANCHOR), count),
        // With the one copy that bytes from elsewhere need.
        Contender::new("validate", &image, |image| DirectiveSet::from_image(*image), count),
        Contender::new(
            "osproxy decode",
            &document,
            |body| reference::decode(body),
            |set| set.map_or(0, |set| set.len() as u64),
        ),
    ];
    Ok(race(&mut contenders, Pace::LONG, &ThreadTime)?)
}

fn count<E>(set: Result<DirectiveSet, E>) -> u64 {
    set.map_or(0, |set| set.len() as u64)
}

fn time(timings: &[Timing], what: &str, name: &str, goal: f64) -> Result<Row> {
    let find = |name: &str| timings.iter().find(|timing| timing.name == name).cloned();
    let both = find(name).zip(find("osproxy decode")).context("somebody was not timed")?;
    report::row(what, Unit::Nanos, &<[Timing; 2]>::from(both), Goal::Ratio(goal))
}

fn memory() -> Result<[Row; 3]> {
    let counted = Counted::measure()?;
    #[allow(clippy::cast_precision_loss, reason = "ten thousand is exact")]
    let each = |name: &str| Ok::<_, anyhow::Error>(counted.figure(name)? / DECODED as f64);
    let theirs = |figure| Some(Peer { name: "osproxy decode".to_owned(), figure });
    Ok([
        Row {
            what: "decode and compile 10 000 directives: peak memory".to_owned(),
            unit: Unit::Bytes,
            ours: counted.figure("decode_peak_ours")?,
            peer: theirs(counted.figure("decode_peak_theirs")?),
            goal: Goal::Ratio(0.35),
        },
        Row {
            what: "decode and compile 10 000 directives: allocations per directive".to_owned(),
            unit: Unit::Count,
            ours: each("decode_allocations_ours")?,
            peer: theirs(each("decode_allocations_theirs")?),
            goal: Goal::AtMost(0.01),
        },
        Row {
            what: "evaluate: allocations".to_owned(),
            unit: Unit::Count,
            ours: counted.figure("evaluate_allocations_ours")?,
            peer: None,
            goal: Goal::AtMost(0.0),
        },
    ])
}
