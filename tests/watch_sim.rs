//! The watch under any weather, in virtual time. Seeded: a failing seed prints the line that replays it.
//!
//! Each run has two parts. First anything may happen — cuts, black holes, cancels, compaction, restores, replays, lost
//! events, panics, pauses — and at every step what readers see must be a state that the server really had, and must not
//! go back. Then the faults stop, and the copy must be the present state within a stated time, and hear of the next
//! change at once. A ceiling on steps makes a livelock fail instead of hanging.
//!
//! `ALDIS_SIM_SEEDS=5000..6000` chooses the seeds.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a simulation that finds a fault ends, saying which"
)]

#[path = "watch_sim/client.rs"]
mod client;
#[path = "watch_sim/happenings.rs"]
mod happenings;
#[path = "watch_sim/server.rs"]
mod server;
#[path = "watch_sim/weather.rs"]
mod weather;
#[path = "watch_sim/world.rs"]
mod world;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use self::world::{Convergence, World};

/// Seeds of a normal run.
const SEEDS: Range<u64> = 0..2_000;

#[test]
fn whatever_happens_it_shows_what_was_and_then_what_is() {
    let mut slowest = [(Duration::ZERO, 0); 2];
    for seed in seeds() {
        let mut world = World::new(seed);
        match catch_unwind(AssertUnwindSafe(|| world.run())) {
            Ok(Convergence { took, needed_a_read }) => {
                let slowest = &mut slowest[usize::from(needed_a_read)];
                *slowest = (*slowest).max((took, seed));
            }
            Err(_) => panic!(
                "what led to it:\n{}\nreplay with: ALDIS_SIM_SEEDS={seed}..{} cargo test -p aldis-tests --test watch_sim",
                world.trace().join("\n"),
                seed + 1
            ),
        }
    }
    let [(took, seed), (with_a_read, its_seed)] = slowest;
    eprintln!(
        "slowest to converge: {took:?} (seed {seed}); where only a read can tell: {with_a_read:?} (seed {its_seed})"
    );
}

#[test]
fn a_seed_replays() {
    let trace = |seed| {
        let mut world = World::new(seed);
        world.run();
        world.trace().to_vec()
    };
    assert_eq!(trace(42), trace(42));
    assert_ne!(trace(42), trace(43));
}

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("ALDIS_SIM_SEEDS") else { return SEEDS };
    let bounds = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    bounds.expect("ALDIS_SIM_SEEDS must look like 5000..6000")
}
