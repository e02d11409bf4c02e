//! The watch under any weather, in virtual time: a bounded number of the runs that `cargo xtask sim` makes for longer.
//!
//! An hour each, because the dev profile takes 30 times as long as the long run's; its storms are as many, only the
//! calm between them is shorter. A few whole days beside them.

#![allow(clippy::panic, reason = "a test that cannot go on ends, saying why")]

use std::thread;
use std::time::Duration;

use sim::{Crowd, Fault, Tally, run, traced};

const HOUR: Duration = Duration::from_secs(3_600);

/// Seeds of an hour each: enough for every fault to happen many times.
const HOURS: std::ops::Range<u64> = 0..300;

/// Seeds of a day each.
const DAYS: std::ops::Range<u64> = 1_000_000..1_000_006;

/// Days on which a mistake once showed, in the watch or in the simulation. What they go through changes with both, so for
/// the watch it is its unit tests that hold what was mended.
const ONCE_WRONG: [u64; 3] = [1_184, 15_175, 76_510];

#[test]
fn whatever_happens_it_shows_what_was_and_then_what_is() {
    let (left, right) = (HOURS.start..HOURS.end / 2, HOURS.end / 2..HOURS.end);
    let halves = [left, right].map(|half| thread::spawn(move || crowd(half, HOUR)));
    let mut all = Crowd::default();
    for half in halves {
        all.merge(&half.join().unwrap_or_else(|_| panic!("a seed has failed; its replay stands above")));
    }
    eprintln!("{all}");
    assert_eq!(all.complaint(), None);
}

#[test]
fn a_whole_day_is_like_its_hours() {
    crowd(DAYS, 24 * HOUR);
}

#[test]
fn days_that_showed_a_mistake_once_show_none() {
    for seed in ONCE_WRONG {
        crowd(seed..seed + 1, 24 * HOUR);
    }
}

fn crowd(seeds: std::ops::Range<u64>, length: Duration) -> Crowd {
    let mut crowd = Crowd::default();
    for seed in seeds {
        match run(seed, length) {
            Ok(day) => crowd.join(seed, &day),
            Err(failure) => panic!(
                "what led to it:\n{}\nseed {seed}: {}\nreplay with: cargo xtask sim {seed}..{} {}",
                failure.trace.join("\n"),
                failure.what,
                seed + 1,
                length.as_secs() / 3_600,
            ),
        }
    }
    crowd
}

#[test]
fn a_seed_replays() {
    assert_eq!(traced(42, HOUR), traced(42, HOUR));
    assert_ne!(traced(42, HOUR), traced(43, HOUR));
}

#[test]
fn a_fault_that_never_happens_is_named() {
    assert_eq!(Tally::default().missing().collect::<Vec<_>>(), Fault::ALL);
    let complaint = Crowd::default().complaint().unwrap_or_default();
    assert!(complaint.contains("CutBetweenFragments"), "{complaint}");
}
