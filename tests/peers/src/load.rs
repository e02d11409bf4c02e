//! How a request's thread comes by the set in force, while a publisher replaces it each millisecond.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use aldis_core::DirectiveSet;
use aldis_etcd::kv::Revision;
use aldis_etcd::sink::{NativeCache, Sink};
use aldis_etcd::{Digest, Snapshot};
use anyhow::{Context, Result, anyhow, ensure};
use bench::{Clock, Goal, ThreadTime, Timing, median};
use osproxy_observe::{DirectiveStore, InMemoryDirectiveStore};
use peers::reference;
use peers::scene::{self, ANCHOR};

use crate::report::Report;

const ROUNDS: usize = 61;
/// Loads in a turn: a few milliseconds each, so that every turn sees a few publications.
const OURS: u32 = 4_000_000;
const THEIRS: u32 = 100_000;

pub(crate) fn run(report: &mut Report) -> Result<()> {
    for (threads, what, goal) in [
        (1, "load, 1 thread, published each millisecond", 0.05),
        (2, "load, 2 threads, published each millisecond", 0.02),
    ] {
        let timings = Stores::new()?.timings(threads)?;
        report.race(what, &timings, Goal::Ratio(goal))?;
    }
    Ok(())
}

/// Ours and theirs, with the same set in force.
struct Stores {
    ours: NativeCache,
    theirs: InMemoryDirectiveStore,
    snapshot: Arc<Snapshot>,
    set: osproxy_observe::DirectiveSet,
}

impl Stores {
    fn new() -> Result<Self> {
        let document = scene::tenants(10).document;
        let ours = Arc::new(DirectiveSet::decode(document.as_bytes(), ANCHOR)?);
        let snapshot = Arc::new(Snapshot::new(Revision::new(1), Digest::of([]), ours));
        let set = reference::decode(document.as_bytes())?;
        let stores = Self {
            ours: NativeCache::new(Arc::clone(&snapshot)),
            theirs: InMemoryDirectiveStore::new().with_directives(set.clone()),
            snapshot,
            set,
        };
        let (ours, theirs) = (stores.ours.reader().load().len(), stores.theirs.load().len());
        ensure!(ours == theirs && ours == 10, "{ours} directives are in force here and {theirs} there");
        Ok(stores)
    }

    fn timings(&self, threads: usize) -> Result<[Timing; 2]> {
        let done = AtomicBool::new(false);
        let start = Barrier::new(threads);
        let rounds: Vec<Vec<[f64; 2]>> = thread::scope(|scope| {
            scope.spawn(|| self.publish_until(&done));
            let readers: Vec<_> = (0..threads).map(|_| scope.spawn(|| self.read(&start))).collect();
            let rounds = readers.into_iter().map(|reader| reader.join());
            let rounds = rounds.collect::<Result<_, _>>();
            done.store(true, Ordering::Relaxed);
            rounds.map_err(|_| anyhow!("a reader ended early"))
        })?;
        let timing = |name: &str, of: fn(&[f64; 2]) -> f64| {
            let samples: Vec<f64> = rounds.iter().flatten().map(of).collect();
            let nanos = median(&samples).context("nothing was loaded")?;
            Ok::<_, anyhow::Error>(Timing { name: name.to_owned(), nanos })
        };
        Ok([timing("per-thread reader", |[ours, _]| *ours)?, timing("load_full", |[_, theirs]| *theirs)?])
    }

    fn publish_until(&self, done: &AtomicBool) {
        while !done.load(Ordering::Relaxed) {
            let next = Arc::new(Snapshot::clone(&self.snapshot));
            // Never fails.
            let _ = self.ours.apply(&next);
            self.theirs.publish(self.set.clone());
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Nanoseconds per load, ours and theirs, of each round. All threads begin each turn together.
    fn read(&self, start: &Barrier) -> Vec<[f64; 2]> {
        let mut reader = self.ours.reader();
        let mut round = || {
            start.wait();
            let ours = nanos_each(OURS, || {
                black_box(reader.load());
            });
            start.wait();
            let theirs = nanos_each(THEIRS, || {
                black_box(self.theirs.load());
            });
            [ours, theirs]
        };
        (0..ROUNDS).map(|_| round()).collect()
    }
}

fn nanos_each(count: u32, mut load: impl FnMut()) -> f64 {
    let begun = ThreadTime.now();
    for _ in 0..count {
        load();
    }
    ThreadTime.now().saturating_sub(begun).as_secs_f64() * 1e9 / f64::from(count)
}
