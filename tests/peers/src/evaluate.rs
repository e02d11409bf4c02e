//! One request's decision: ours in one call, the reference's in three.

use aldis_core::{DirectiveSet, Request};
use anyhow::Result;
use bench::{Contender, Goal, Pace, ThreadTime, race};
use peers::reference::{self, Owned, Prepared, Reference};
use peers::scene::{self, ANCHOR, NOW, Scene, grouped};

use crate::report::Report;

pub(crate) fn run(report: &mut Report) -> Result<()> {
    row(report, "evaluate: empty set", &scene::tenants(0), 0.8)?;
    row(report, "evaluate: tenant hit, 1 directive", &scene::tenants(1), 1.0)?;
    for (count, ratio) in [(10, 0.18), (100, 0.028), (10_000, 0.0004)] {
        let what = format!("evaluate: tenant hit, {} directives", grouped(count));
        row(report, &what, &scene::tenants(count), ratio)?;
    }
    for (count, ratio) in [(10, 0.45), (100, 0.07), (1_000, 0.008), (100_000, 0.0001)] {
        let what = format!("evaluate: mixed targets, half hit, {} directives", grouped(count));
        row(report, &what, &scene::mixed(count), ratio)?;
    }
    Ok(())
}

fn row(report: &mut Report, what: &str, scene: &Scene, ratio: f64) -> Result<()> {
    let ours = DirectiveSet::decode(scene.document.as_bytes(), ANCHOR)?;
    let requests: Vec<Request<'_>> = scene.facts.iter().map(|facts| facts.request()).collect();
    let theirs = Reference::decode(scene.document.as_bytes())?;
    let owned = scene.facts.iter().map(Owned::of).collect::<Result<Vec<_>>>()?;
    let prepared: Vec<Prepared<'_>> = owned.iter().map(Owned::prepared).collect();

    let mut contenders = [
        Contender::new("Aldis", &requests, |request| ours.evaluate(request, NOW), scene::code),
        Contender::new("osproxy × 3", &prepared, |request| theirs.ask(request), reference::code),
    ];
    report.race(what, &race(&mut contenders, Pace::QUICK, &ThreadTime)?, Goal::Ratio(ratio))
}
