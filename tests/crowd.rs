//! Many at once: starts with dead endpoints, a fleet after an outage, a flood of puts; and what is left of a store that
//! is dropped, which is nothing.
//!
//! One test at a time, so that each has the machine to itself and measures Aldis; that is why not under libtest.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on ends, saying why; the figures are its result"
)]

#[path = "crowd/catch_up.rs"]
mod catch_up;
#[path = "crowd/ends.rs"]
mod ends;
#[path = "crowd/etcd_view.rs"]
mod etcd_view;
#[path = "crowd/flood.rs"]
mod flood;
#[path = "crowd/outage.rs"]
mod outage;
#[path = "crowd/starts.rs"]
mod starts;

use std::process::ExitCode;
use std::time::Duration;

use aldis_etcd::{Builder, EtcdDirectiveStore};
use libtest_mimic::{Arguments, Trial};
use rig::stall;
use tokio::runtime::{self, Runtime};

/// The key under watch.
const KEY: &str = "crowd/directives";

/// What the contract allows from the end of a fault to the present value.
const CONVERGENCE: Duration = Duration::from_secs(15);

const TESTS: &[(&str, fn())] = &[
    ("20 of 20 starts succeed with one healthy endpoint of three, the others closed", starts::others_closed),
    ("20 of 20 starts succeed with one healthy endpoint of three, the others silent", starts::others_silent),
    ("150 instances that lose their connections spread their dials", outage::reset),
    ("150 instances that find the port closed spread their dials", outage::closed),
    ("150 instances of a server that freezes and ends spread their dials", outage::frozen_and_ended),
    ("dials at once are found", outage::twin),
    ("a lag is found", flood::twin),
    ("20 000 puts by 8 writers end on the last value", flood::ends_on_the_last_value),
    ("a store of many directives that has missed much catches up", catch_up::of_a_large_prefix),
    ("nothing is left of a start that is given up, whenever that is", ends::while_connecting),
    ("nothing is left of a start into a black hole", ends::while_connecting_into_silence),
    ("nothing is left of a store dropped while it lists", ends::while_listing),
    ("nothing is left of a store dropped while live", ends::while_live),
    ("nothing is left of a store dropped while stale", ends::while_stale),
    ("nothing is left of a store dropped between two attempts", ends::while_waiting),
    ("readers on other threads keep a store alive, and the last one ends it", ends::with_readers),
];

fn main() -> ExitCode {
    stall::watch();
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let trial = |&(name, test): &(&str, fn())| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    libtest_mimic::run(&arguments, TESTS.iter().map(trial).collect()).exit_code()
}

/// A runtime of its own for each test, whose tasks can be counted.
fn runtime() -> Runtime {
    runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

fn builder(endpoint: String) -> Builder {
    EtcdDirectiveStore::builder([endpoint]).scope(KEY)
}

/// A document of one directive with this id, and blanks behind it.
fn document(id: &str, blanks: usize) -> String {
    format!(r#"{{"directives":[{{"id":"{id}","level":"Shape","ttl_secs":600,"tenant":"acme"}}]}}"#)
        + &" ".repeat(blanks)
}

/// The first id in force.
fn shown(store: &EtcdDirectiveStore) -> Option<String> {
    store.snapshot().set.iter().next().map(|directive| directive.id.into_owned())
}
