//! What the last holder of a replaced set pays, which may be a thread that has a request to serve.

use std::hint::black_box;
use std::sync::Arc;

use aldis_core::DirectiveSet;
use anyhow::{Context, Result};
use bench::{Clock, Goal, ThreadTime, Timing, median};
use peers::reference;
use peers::scene::{self, ANCHOR};

use crate::report::Report;

const DIRECTIVES: usize = 100_000;
const ROUNDS: usize = 31;

pub(crate) fn run(report: &mut Report) -> Result<()> {
    let document = scene::mixed(DIRECTIVES).document;
    let ours = DirectiveSet::decode(document.as_bytes(), ANCHOR)?;
    let theirs = reference::decode(document.as_bytes())?;
    let mut samples = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let (one, other) = (Arc::new(ours.clone()), Arc::new(theirs.clone()));
        let [our_samples, their_samples] = &mut samples;
        our_samples.push(nanos_to_drop(one));
        their_samples.push(nanos_to_drop(other));
    }
    let timing = |name: &str, samples: &[f64]| {
        let nanos = median(samples).context("nothing was dropped")?;
        Ok::<_, anyhow::Error>(Timing { name: name.to_owned(), nanos })
    };
    let [our_samples, their_samples] = &samples;
    let timings = [timing("Aldis", our_samples)?, timing("osproxy", their_samples)?];
    report.race("drop a replaced set of 100 000 directives", &timings, Goal::Ratio(0.001))
}

fn nanos_to_drop<T>(set: Arc<T>) -> f64 {
    let begun = ThreadTime.now();
    drop(black_box(set));
    ThreadTime.now().saturating_sub(begun).as_secs_f64() * 1e9
}
