//! From bytes to a set that can be asked.

use aldis_core::DirectiveSet;
use anyhow::{Context, Result};
use bench::{Contender, Goal, Pace, ThreadTime, Timing, race};
use peers::reference;
use peers::scene::{self, ANCHOR, DECODED};

use crate::report::Report;

pub(crate) fn run(report: &mut Report) -> Result<()> {
    let timings = timings()?;
    let mut against_theirs = |what: &str, name: &str, goal: f64| {
        let find = |name: &str| timings.iter().find(|timing| timing.name == name).cloned();
        let both = find(name).zip(find("osproxy decode")).context("somebody was not timed")?;
        report.race(what, &<[Timing; 2]>::from(both), Goal::Ratio(goal))
    };
    against_theirs("decode and compile 10 000 directives: time", "decode and compile", 0.30)?;
    against_theirs("validate an image of 10 000 directives", "validate", 0.02)
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
