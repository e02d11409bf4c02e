//! Guests that are compared with the native core: sound ones under updates never differ from it, one that lies is found as
//! often as it is looked at, and nothing is looked at or kept that was not asked for.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that fails says where")]

#[path = "guest/snapshots.rs"]
mod snapshots;
#[path = "guest/wat.rs"]
mod wat;

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use aldis_abi::name;
use aldis_core::{Decision, DiagLevel, Request};
use aldis_etcd::sink::guest::{GuestEngine, GuestLimits, GuestReport, GuestSink};

use snapshots::{NOW, empty, level, snapshot};
use wat::Guest;

const ACME: Request<'static> = Request { tenant: Some("acme"), ..Request::EMPTY };
const OTHER: Request<'static> = Request { tenant: Some("b"), ..Request::EMPTY };

/// Level `Shape` by directive 0, packed: what [`SNAPSHOT`] means for acme, and nobody else.
const ON: &str = "(i64.const 0x100000000)";
const SNAPSHOT: u64 = 3;

fn one_in(number: u64) -> NonZeroU64 {
    NonZeroU64::new(number).unwrap()
}

/// One guest that always answers this, and holds the snapshot.
fn answering(answer: &str) -> GuestSink {
    sink_of(&Guest::harmless().with(name::EVALUATE, answer), 1)
}

fn sink_of(guest: &Guest, shards: usize) -> GuestSink {
    let engine = GuestEngine::from_wasm(&guest.wasm(), GuestLimits::STANDARD).unwrap();
    GuestSink::new(engine, NonZeroUsize::new(shards).unwrap())
}

fn looked_at(report: &GuestReport) -> (u64, u64) {
    (report.shadowed, report.mismatches)
}

#[test]
fn a_sound_guest_never_differs_from_the_native_core_however_often_sets_change() {
    const UPDATES: u64 = 2_000;
    for shards in [1, 2] {
        let engine = GuestEngine::embedded(GuestLimits::STANDARD).expect("the embedded guest is one");
        let sink = GuestSink::new(engine, NonZeroUsize::new(shards).unwrap()).shadow(one_in(2));
        sink.try_apply(&snapshot(1)).expect("is a good set");
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            for request in [ACME, OTHER] {
                let (sink, over) = (&sink, &over);
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        let _decision = sink.evaluate(&request, NOW);
                    }
                });
            }
            for revision in 2..=UPDATES {
                // The deciding directive is another in each, and so is its level.
                let directives = 1 + usize::try_from(revision % 7).unwrap();
                sink.try_apply(&snapshots::of(directives, revision)).expect("is a good set");
            }
            over.store(true, Ordering::Relaxed);
        });
        let report = sink.report();
        println!("{shards} slots: {report:?}");
        assert_eq!((report.mismatches, report.last_reason), (0, None));
        assert!(report.shadowed >= 1_000, "too few to show anything");
        assert!(report.shadowed * 2 >= report.calls && report.shadowed * 2 <= report.calls + 2);
    }
}

#[test]
fn each_lie_that_is_looked_at_is_counted_and_stands() {
    let sink = answering(ON).shadow(one_in(1));
    sink.try_apply(&snapshot(SNAPSHOT)).unwrap();
    for _ in 0..100 {
        assert_eq!(sink.evaluate(&ACME, NOW).level, level(SNAPSHOT));
    }
    assert_eq!(looked_at(&sink.report()), (100, 0), "it is right about acme");
    for _ in 0..50 {
        let made = sink.decide(&OTHER, NOW);
        assert_eq!((made.decision.level, made.made_by.is_some()), (DiagLevel::Shape, true));
    }
    let report = sink.report();
    assert_eq!((looked_at(&report), report.calls, report.ready), ((150, 50), 150, 1));
    assert_eq!(report.last_reason.as_deref(), Some("the guest decided otherwise than the native core"));
}

#[test]
fn whatever_part_of_a_decision_is_wrong_is_noticed() {
    for (answer, wrong) in [
        (ON, 0),
        (wat::OFF, 1),
        ("(i64.const 0x200000000)", 1),
        ("(i64.const 0x10100000000)", 1),
        ("(i64.const 0x20100000000)", 1),
        ("(i64.const 0x1ffffffff)", 1),
    ] {
        let sink = answering(answer).shadow(one_in(1));
        sink.try_apply(&snapshot(SNAPSHOT)).unwrap();
        let _decision = sink.evaluate(&ACME, NOW);
        assert_eq!(looked_at(&sink.report()), (1, wrong), "{answer}");
    }
}

#[test]
fn the_rate_is_kept_over_updates_and_replacements() {
    // Counts its calls in its memory, and traps at the 21st.
    let guest = Guest::harmless().with(
        name::EVALUATE,
        "(i32.store (i32.const 0) (i32.add (i32.const 1) (i32.load (i32.const 0))))
         (if (i32.eq (i32.const 21) (i32.load (i32.const 0))) (then unreachable))
         (i64.const 0x100000000)",
    );
    for (rate, looked) in [(1, 200), (2, 100), (7, 29), (199, 2), (200, 1), (u64::MAX, 1)] {
        let sink = sink_of(&guest, 1).shadow(one_in(rate));
        sink.try_apply(&snapshot(1)).unwrap();
        while sink.report().calls < 200 {
            let _decision = sink.evaluate(&OTHER, NOW);
            if sink.report().calls == 100 {
                sink.try_apply(&snapshot(2)).unwrap();
            }
        }
        let report = sink.report();
        assert!(report.traps > 0 && report.replacements > 0, "{report:?}");
        assert_eq!(looked_at(&report), (looked, looked), "one in {rate}");
    }
}

#[test]
fn what_no_guest_decided_is_not_looked_at() {
    let sink = answering("unreachable").shadow(one_in(1));
    assert_eq!(sink.decide(&ACME, NOW).decision, Decision::OFF);
    sink.try_apply(&snapshot(1)).unwrap();
    assert_eq!(sink.decide(&ACME, NOW).made_by, None);
    let long = "x".repeat(65_536);
    let _off = sink.decide(&Request { tenant: Some(&long), ..Request::EMPTY }, NOW);
    let takes_none = Guest::harmless().with(name::LOAD_IMAGE, "(i32.const 0)").with(name::EVALUATE, ON);
    let of_nothing = sink_of(&takes_none, 1).shadow(one_in(1));
    of_nothing.try_apply(&empty(2)).unwrap();
    assert!(of_nothing.decide(&ACME, NOW).made_by.is_some());
    for sink in [sink, of_nothing] {
        assert_eq!(looked_at(&sink.report()), (0, 0));
    }
}

#[test]
fn without_a_shadow_nothing_is_looked_at_and_nothing_kept() {
    let sink = answering(ON);
    let snapshot = snapshot(1);
    sink.try_apply(&snapshot).unwrap();
    for _ in 0..100 {
        assert_eq!(sink.evaluate(&OTHER, NOW).level, DiagLevel::Shape);
    }
    let report = sink.report();
    assert_eq!((looked_at(&report), report.calls), ((0, 0), 100));
    assert_eq!(Arc::strong_count(&snapshot.set), 1, "only the snapshot keeps its set");
}

#[test]
fn a_set_is_kept_for_as_long_as_a_guest_holds_it() {
    let guest = Guest::harmless().with(name::EVALUATE, "unreachable");
    let sink = sink_of(&guest, 3).shadow(one_in(1));
    let (first, second) = (snapshot(1), snapshot(2));
    let kept = || (Arc::strong_count(&first.set) - 1, Arc::strong_count(&second.set) - 1);
    sink.try_apply(&first).unwrap();
    assert_eq!(kept(), (3, 0));
    sink.try_apply(&second).unwrap();
    assert_eq!(kept(), (0, 3), "the old one is let go with the guests' copies of it");
    assert_eq!(sink.decide(&ACME, NOW).made_by, None);
    assert_eq!(kept(), (0, 2), "a guest that broke holds nothing");
    drop(sink);
    assert_eq!(kept(), (0, 0));
}
