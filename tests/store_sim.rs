//! The store as it is — facade, driver, calls, machine, mirror, native cache, status — over the embedded backend and a
//! link that fails, in tokio's virtual time. Seeded, and the same for the same seed.
//!
//! `watch_sim` looks deeper into the machine and does so faster; this one has nothing of ours replaced by a model but
//! the server's mishaps. First anything may happen, and whatever a reader sees must be a state that the server had, must
//! not go back without a word, and must not be called live when nobody has confirmed it. Then the faults stop, and the
//! store must hold the present state within a stated time, hear of the next change at once, and leave nothing behind
//! when it is dropped.
//!
//! `ALDIS_STORE_SIM_SEEDS=42..43` chooses the seeds.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a simulation that finds a fault ends, saying which"
)]

#[path = "store_sim/cluster.rs"]
mod cluster;
#[path = "store_sim/happenings.rs"]
mod happenings;
#[path = "store_sim/link.rs"]
mod link;
#[path = "store_sim/observer.rs"]
mod observer;
#[path = "store_sim/run.rs"]
mod run;
#[path = "store_sim/stream.rs"]
mod stream;
#[path = "store_sim/weather.rs"]
mod weather;

use std::thread;

use sim::{Fault, Tally};

use self::run::Run;

/// Seeds of a normal run.
const SEEDS: std::ops::Range<u64> = 0..200;

/// What must have happened over all of them.
const FAULTS: [Fault; 21] = [
    Fault::Cut,
    Fault::Delay,
    Fault::HoleBothWays,
    Fault::HoleToServer,
    Fault::HoleToClient,
    Fault::SilentEndpoint,
    Fault::RefusingEndpoint,
    Fault::Duplicate,
    Fault::Replay,
    Fault::Compaction,
    Fault::Cancel,
    Fault::LeaderLoss,
    Fault::StaleRead,
    Fault::Restore,
    Fault::ReplacedOtherId,
    Fault::ManyKeys,
    Fault::Panic,
    Fault::Pause,
    Fault::LostEvents,
    Fault::Overtaking,
    Fault::Mute,
];

#[test]
fn whatever_happens_the_store_shows_what_was_and_then_what_is() {
    let chosen = chosen();
    let middle = chosen.start.midpoint(chosen.end);
    let halves = [chosen.start..middle, middle..chosen.end];
    let halves = halves.map(|half| thread::spawn(move || half.map(one).collect::<Vec<_>>()));
    let runs = halves.map(|half| half.join().expect("a seed has failed; its replay stands above"));
    let (mut tally, mut slowest) = (Tally::default(), Vec::new());
    for (seed, run) in chosen.clone().zip(runs.iter().flatten()) {
        tally.add(&run.tally);
        slowest.push((run.took, run.needed_a_read, seed));
    }
    for needs_a_read in [false, true] {
        let slowest = slowest.iter().filter(|(_, needed, _)| *needed == needs_a_read).max();
        eprintln!("slowest to converge, where only a read can tell: {needs_a_read}: {slowest:?}");
    }
    let missing: Vec<_> = FAULTS.into_iter().filter(|&fault| tally.of(fault) == 0).collect();
    let is_whole = chosen == SEEDS;
    assert!(!is_whole || missing.is_empty(), "faults that never happened: {missing:?}");
}

#[test]
fn a_seed_replays() {
    assert_eq!(one(42).told, one(42).told);
    assert_ne!(one(42).told, one(43).told);
}

#[test]
fn a_state_that_never_was_is_noticed() {
    let failure = run::run(42, true).err().expect("the twin fails");
    assert!(failure.what.contains("no server was ever in the state"), "{}", failure.what);
}

fn one(seed: u64) -> Run {
    run::run(seed, false).unwrap_or_else(|failure| {
        panic!(
            "what led to it:\n{}\nseed {seed}: {}\nreplay with: ALDIS_STORE_SIM_SEEDS={seed}..{} cargo test -p \
             aldis-tests --test store_sim",
            failure.told.join("\n"),
            failure.what,
            seed + 1
        )
    })
}

fn chosen() -> std::ops::Range<u64> {
    let chosen = std::env::var("ALDIS_STORE_SIM_SEEDS").map(|text| sim::seeds(&text));
    chosen.map_or(SEEDS, |chosen| chosen.expect("seeds look like 42..43"))
}
