//! Snapshots into live guests while threads evaluate: no decision by a set that was not current during the call, no
//! missed swap, no more memory.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that fails says where"
)]

#[path = "guest/snapshots.rs"]
mod snapshots;
#[path = "guest/wat.rs"]
mod wat;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use aldis_abi::{Stamp, name};
use aldis_core::Request;
use aldis_etcd::kv::Revision;
use aldis_etcd::mirror::Snapshot;
use aldis_etcd::sink::guest::{GuestEngine, GuestLimits, GuestSink};
use rustix::time::{ClockId, clock_gettime};

use snapshots::{NOW, level};
use wat::{Guest, OFF};

const ACME: Request<'static> = Request { tenant: Some("acme"), ..Request::EMPTY };

/// The revisions of which one must have decided: the last whose update has ended, and the last whose has begun.
#[derive(Default)]
struct Window {
    ended: AtomicU64,
    begun: AtomicU64,
    over: AtomicBool,
}

#[test]
fn every_decision_is_by_a_set_that_was_current_during_the_call() {
    let round = one_round();
    // More threads than slots, so that they also wait for one another; and once for as long as years of operation.
    for (shards, threads, updates) in [(1, 2, 5_000), (3, 2, 5_000), (2, 2, 100_000)] {
        let engine = GuestEngine::embedded(GuestLimits::STANDARD).expect("the embedded guest is one");
        let sink = GuestSink::new(engine, NonZeroUsize::new(shards).unwrap());
        let window = Window::default();
        update(&sink, &window, &round, 1);
        let asked = thread::scope(|scope| {
            let askers: Vec<_> = (0..threads).map(|_| scope.spawn(|| ask(&sink, &window))).collect();
            let settled = (2..=updates).fold(0, |settled, revision| {
                update(&sink, &window, &round, revision);
                if revision == 100 { sink.report().memory_bytes } else { settled }
            });
            window.over.store(true, Ordering::SeqCst);
            assert_eq!(sink.report().memory_bytes, settled, "memory is flat");
            askers.into_iter().map(|asker| asker.join().expect("asks to the end")).sum::<u64>()
        });
        let report = sink.report();
        println!("{shards} slots, {threads} threads: {asked} decisions, {updates} updates, {report:?}");
        assert_eq!((report.calls, report.traps, report.timeouts, report.nonsense), (asked, 0, 0, 0));
        assert!(asked > updates / 10, "too few to show anything");
    }
}

#[test]
fn a_machine_with_more_to_do_than_processors_does_not_cost_healthy_guests() {
    let (guest, limits) = (busy_for(Duration::from_millis(30)), deadline(Duration::from_millis(100)));
    let sink = GuestSink::new(GuestEngine::from_wasm(&guest, limits).unwrap(), NonZeroUsize::MIN);
    sink.try_apply(&snapshots::of(1, 1)).expect("is a good set");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let begun = Instant::now();
        let decided: Vec<_> = (0..6).map(|_| sink.decide(&ACME, NOW)).collect();
        let took = begun.elapsed() / 6;
        over.store(true, Ordering::Relaxed);
        assert!(decided.iter().all(|made| made.made_by.is_some()), "{:?}", sink.report());
        println!("{took:?} for a call of 30 ms with a deadline of 100 ms");
    });
}

/// A guest whose evaluation takes a thread about this long.
fn busy_for(time: Duration) -> Vec<u8> {
    let spent = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("is a time");
    let mut turns = 1_u64 << 16;
    loop {
        let count = format!(
            "(local $turn i64) (loop (br_if 0 (i64.ne (i64.const {turns})
                (local.tee $turn (i64.add (i64.const 1) (local.get $turn)))))) {OFF}"
        );
        let wasm = Guest::harmless().with(name::EVALUATE, &count).wasm();
        let engine = GuestEngine::from_wasm(&wasm, deadline(Duration::from_secs(60))).unwrap();
        let mut guest = engine.instantiate().unwrap();
        guest.load_image(b"", Stamp::NONE).unwrap();
        let before = spent();
        let _decision = guest.evaluate(&ACME, NOW).unwrap();
        if spent() - before >= time {
            return wasm;
        }
        turns += turns / 2;
    }
}

fn deadline(call_deadline: Duration) -> GuestLimits {
    GuestLimits { call_deadline, ..GuestLimits::STANDARD }
}

/// Snapshots of revisions 0 to 20. Later ones repeat them: three levels in turn, and one to seven directives.
fn one_round() -> Vec<Arc<Snapshot>> {
    let directives = |revision: u64| 1 + usize::try_from(revision % 7).unwrap();
    (0..21).map(|revision| snapshots::of(directives(revision), revision)).collect()
}

fn update(sink: &GuestSink, window: &Window, round: &[Arc<Snapshot>], revision: u64) {
    let alike = &round[usize::try_from(revision % 21).unwrap()];
    let snapshot = Arc::new(Snapshot::new(Revision::new(revision), alike.digest, Arc::clone(&alike.set)));
    window.begun.store(revision, Ordering::SeqCst);
    sink.try_apply(&snapshot).expect("is a good set");
    window.ended.store(revision, Ordering::SeqCst);
}

fn ask(sink: &GuestSink, window: &Window) -> u64 {
    let mut asked = 0;
    while !window.over.load(Ordering::SeqCst) {
        let ended = window.ended.load(Ordering::SeqCst);
        let made = sink.decide(&ACME, NOW);
        let begun = window.begun.load(Ordering::SeqCst);
        let revision = made.made_by.expect("a guest is always ready").revision.as_u64();
        assert!((ended..=begun).contains(&revision), "revision {revision}, current were {ended} to {begun}");
        assert_eq!(made.decision.level, level(revision));
        let last = u32::try_from(revision % 7).unwrap();
        assert_eq!(made.decision.decided_by.map(|index| index.as_u32()), Some(last));
        asked += 1;
    }
    asked
}
