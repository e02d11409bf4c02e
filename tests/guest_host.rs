//! The wasmtime host against guests that loop, grow, trap and lie: each call ends within its deadline with `OFF`, the
//! host goes on, and the report says why.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that fails says where")]

#[path = "guest/snapshots.rs"]
mod snapshots;
#[path = "guest/wat.rs"]
mod wat;

use std::num::NonZeroUsize;
use std::thread;
use std::time::{Duration, Instant};

use aldis_abi::name;
use aldis_core::{Decision, DiagLevel, Request};
use aldis_etcd::sink::Sink;
use aldis_etcd::sink::guest::{
    EngineError, Fault, GuestDecision, GuestEngine, GuestError, GuestLimits, GuestReport, GuestSink,
};

use snapshots::{NOW, empty, snapshot};
use wat::Guest;

/// Short, so that the tests are, and long enough for a machine that does something else.
const LIMITS: GuestLimits = GuestLimits {
    memory_bytes: 1 << 20,
    call_deadline: Duration::from_millis(60),
    load_deadline: Duration::from_millis(200),
};
const NOT_MADE: GuestDecision = GuestDecision { decision: Decision::OFF, made_by: None };
const ACME: Request<'static> = Request { tenant: Some("acme"), ..Request::EMPTY };

/// Level `Shape` by directive 0, packed.
const ON: &str = "(i64.const 0x100000000)";

fn sink_of(guest: &Guest, shards: usize) -> GuestSink {
    let engine = GuestEngine::from_wasm(&guest.wasm(), LIMITS).unwrap();
    GuestSink::new(engine, NonZeroUsize::new(shards).unwrap())
}

/// A sink whose guests hold a snapshot of one directive, which is what the hand-written ones take every set for.
fn loaded(guest: &Guest) -> GuestSink {
    let sink = sink_of(guest, 1);
    sink.try_apply(&snapshot(1)).unwrap();
    sink
}

fn faults(report: &GuestReport) -> (u64, u64, u64) {
    (report.traps, report.timeouts, report.nonsense)
}

#[test]
fn a_guest_that_never_returns_is_stopped_and_replaced() {
    let sink = loaded(&Guest::harmless().with(name::EVALUATE, "(loop (br 0)) (i64.const 0)"));
    let begun = Instant::now();
    assert_eq!(sink.decide(&ACME, NOW), NOT_MADE);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let report = sink.report();
    assert_eq!((faults(&report), report.ready), ((0, 1, 0), 0));
    assert_eq!(report.last_reason.as_deref(), Some("the guest ran past its deadline"));
    assert_eq!(sink.decide(&ACME, NOW), NOT_MADE);
    assert_eq!(sink.report().replacements, 1, "the first fault is followed by a new guest at once");
}

#[test]
fn a_guest_that_always_breaks_is_given_rests() {
    let sink = loaded(&Guest::harmless().with(name::EVALUATE, "unreachable"));
    let until = Instant::now() + Duration::from_millis(200);
    let mut asked = 0_u64;
    while Instant::now() < until {
        assert_eq!(sink.decide(&ACME, NOW), NOT_MADE);
        asked += 1;
    }
    let report = sink.report();
    assert!((2..=12).contains(&report.traps), "{report:?}");
    assert_eq!(report.traps + report.not_ready, asked);
    assert!(report.last_reason.unwrap().contains("unreachable"));
}

#[test]
fn a_guest_that_traps_now_and_then_costs_those_decisions_only() {
    // Counts its calls in its memory, and traps at the tenth.
    let guest = Guest::harmless().with(
        name::EVALUATE,
        "(i32.store (i32.const 0) (i32.add (i32.const 1) (i32.load (i32.const 0))))
         (if (i32.eq (i32.const 10) (i32.load (i32.const 0))) (then unreachable))
         (i64.const 0x100000000)",
    );
    let sink = loaded(&guest);
    let missed = (0..100).filter(|_| sink.decide(&ACME, NOW) == NOT_MADE).count();
    let report = sink.report();
    assert_eq!((missed, report.calls, report.traps, report.replacements), (10, 90, 10, 9));
    assert_eq!(sink.evaluate(&ACME, NOW).level, DiagLevel::Shape);
}

#[test]
fn memory_does_not_grow_past_its_limit() {
    let grows =
        "(loop (br_if 0 (i32.ne (i32.const -1) (memory.grow (i32.const 1))))) (i64.const 0x100000000)";
    let engine =
        GuestEngine::from_wasm(&Guest::harmless().with(name::EVALUATE, grows).wasm(), LIMITS).unwrap();
    let mut guest = engine.instantiate().unwrap();
    guest.load_image(b"", aldis_abi::Stamp::NONE).unwrap();
    assert_eq!(guest.evaluate(&ACME, NOW).unwrap().level, DiagLevel::Shape);
    assert_eq!(guest.memory_bytes(), LIMITS.memory_bytes);

    let large = Guest::harmless().with_memory("(memory (export \"memory\") 17)");
    let refused = GuestEngine::from_wasm(&large.wasm(), LIMITS);
    assert!(matches!(refused, Err(EngineError::Start(Fault::Trap(_)))), "{refused:?}");
}

#[test]
fn what_a_guest_says_is_checked_before_it_is_believed() {
    let lies = [
        (name::REQUEST_RESERVE, "(i32.const 0x7ffffff0)", "a place outside of its memory"),
        (name::REQUEST_RESERVE, "(i32.const 131071)", "a place outside of its memory"),
        (name::REQUEST_RESERVE, "(i32.const -1000)", "an unknown status"),
        (name::EVALUATE, "(i64.const -1)", "an unknown decision"),
        (name::EVALUATE, "(i64.const 0x900000000)", "an unknown decision"),
        (name::EVALUATE, "(i64.const 0x40100000000)", "an unknown decision"),
        (name::EVALUATE, "(i64.const 0x100000001)", "a directive that the set does not have"),
        (name::EVALUATE, "(i64.const 0x400ffffffff0000)", "an unknown decision"),
        (name::EVALUATE, "(i64.const 0x00040000ffffffff)", "it refused a request in the right form"),
    ];
    for (function, body, reason) in lies {
        let sink = loaded(&Guest::harmless().with(function, body));
        assert_eq!(sink.decide(&ACME, NOW), NOT_MADE, "{function} {body}");
        let report = sink.report();
        assert_eq!(faults(&report), (0, 0, 1), "{function} {body}: {report:?}");
        assert_eq!(report.last_reason, Some(format!("the guest answered nonsense: {reason}")));
    }
}

#[test]
fn a_batch_is_believed_no_more_than_a_single_answer() {
    let lies = [
        ("(i32.const 1)", Fault::Nonsense("it answered other requests than it was asked")),
        ("(i32.const -99)", Fault::Nonsense("an unknown status")),
        ("(i64.store (i32.const 1024) (i64.const -1)) (i32.const 2)", Fault::Nonsense("an unknown decision")),
        ("(loop (br 0)) (i32.const 2)", Fault::Deadline),
    ];
    for (body, fault) in lies {
        let wasm = Guest::harmless().with(name::EVALUATE_BATCH, body).wasm();
        let mut guest = GuestEngine::from_wasm(&wasm, LIMITS).unwrap().instantiate().unwrap();
        let mut decisions = vec![Decision::OFF];
        let result = guest.evaluate_batch(&[ACME, ACME], NOW, &mut decisions);
        assert_eq!((result, decisions.len()), (Err(GuestError::Fault(fault)), 1), "{body}");
    }
}

/// Lines without end would be kept here, and asked for one by one.
#[test]
fn explanations_are_as_many_and_as_long_as_they_can_be() {
    let three = "(i32.const 3)";
    let lies = [
        (
            three,
            "(i32.store8 (i32.const 1024) (i32.const 10)) (i32.const 1)",
            "other explanations than one for each directive",
        ),
        (three, "(i32.const 65536)", "longer explanations than there can be"),
    ];
    for (count, explain, reason) in lies {
        let guest = Guest::harmless().with(name::LOAD_IMAGE, count).with(name::EXPLAIN, explain);
        let guest = guest.with(name::OUTPUT, "(i32.const 1024)");
        let mut guest = GuestEngine::from_wasm(&guest.wasm(), LIMITS).unwrap().instantiate().unwrap();
        guest.load_image(b"", aldis_abi::Stamp::NONE).unwrap();
        assert_eq!(guest.explain(&ACME, NOW), Err(GuestError::Fault(Fault::Nonsense(reason))));
    }
    let wasm = Guest::harmless().with(name::LOAD_IMAGE, "(i32.const 0x7fffffff)").wasm();
    let mut guest = GuestEngine::from_wasm(&wasm, LIMITS).unwrap().instantiate().unwrap();
    let loaded = guest.load_image(b"", aldis_abi::Stamp::NONE);
    assert_eq!(loaded, Err(GuestError::Fault(Fault::Nonsense("more directives than a set can have"))));
}

#[test]
fn a_set_that_no_guest_takes_leaves_the_previous_one() {
    // Takes what is as short as the image of one directive, and does worse and worse for what is longer.
    let longer = snapshot(1).set.as_image().len() + 40 + 64;
    let ways = [
        ("(i32.const -7)", "the guest refused: not a valid image"),
        ("(i32.const 5)", "the guest answered nonsense: it counts other directives than the host"),
        ("unreachable", "the guest trapped: wasm trap: wasm `unreachable` instruction executed"),
        ("(loop (br 0)) (i32.const 1)", "the guest ran past its deadline"),
    ];
    for (way, reason) in ways {
        let load = format!(
            "(if (result i32) (i32.gt_u (local.get $0) (i32.const {longer})) (then {way}) (else (i32.const 1)))"
        );
        let guest = Guest::harmless().with(name::LOAD_IMAGE, &load).with(name::EVALUATE, ON);
        let sink = sink_of(&guest, 3);
        sink.apply(&snapshot(1)).unwrap();
        let error = sink.apply(&snapshots::of(20, 2)).unwrap_err();
        assert_eq!(error.to_string(), reason);
        for _ in 0..5 {
            let decision = sink.decide(&ACME, NOW);
            assert_eq!(decision.made_by.unwrap().revision, snapshot(1).revision, "{way}");
        }
        let report = sink.report();
        assert_eq!((report.refused_sets, report.ready), (1, 3), "{report:?}");
    }
}

#[test]
fn a_guest_that_does_not_start_is_no_guest() {
    let never = Guest::harmless().and("(func $s (loop (br 0))) (start $s)");
    let refused = GuestEngine::from_wasm(&never.wasm(), LIMITS);
    assert!(matches!(refused, Err(EngineError::Start(Fault::Deadline))), "{refused:?}");
    let traps = Guest::harmless().and("(func $s unreachable) (start $s)");
    let refused = GuestEngine::from_wasm(&traps.wasm(), LIMITS);
    assert!(matches!(refused, Err(EngineError::Start(Fault::Trap(_)))), "{refused:?}");
}

#[test]
fn the_hosts_stack_and_tables_are_not_the_guests() {
    let deep =
        Guest::harmless().with(name::EVALUATE, "(call $deep)").and("(func $deep (result i64) (call $deep))");
    let sink = loaded(&deep);
    assert_eq!(sink.decide(&ACME, NOW), NOT_MADE);
    assert!(sink.report().last_reason.unwrap().contains("call stack exhausted"));
    let wide = Guest::harmless().and("(table 10001 funcref)");
    assert!(matches!(GuestEngine::from_wasm(&wide.wasm(), LIMITS), Err(EngineError::Start(_))));
}

#[test]
fn refusals_that_are_too_long_or_lie_about_their_place_do_not_harm() {
    for (len, output) in [("0x7fffffff", "16"), ("64", "131040"), ("-3", "16")] {
        let guest = Guest::harmless()
            .with(name::LOAD_IMAGE, "(i32.const -7)")
            .with(name::LAST_ERROR, &format!("(i32.const {len})"))
            .with(name::OUTPUT, &format!("(i32.const {output})"));
        let error = sink_of(&guest, 1).try_apply(&snapshot(1)).unwrap_err();
        assert!(
            matches!(error, GuestError::Fault(Fault::Nonsense(_)) | GuestError::Refused { .. }),
            "{error:?}"
        );
    }
}

#[test]
fn without_a_set_and_with_an_empty_one_nothing_is_on() {
    let sink = sink_of(&Guest::harmless().with(name::EVALUATE, "unreachable"), 2);
    assert_eq!(sink.evaluate(&ACME, NOW), Decision::OFF);
    assert_eq!(sink.decide(&ACME, NOW), NOT_MADE);
    let taken_for_none =
        Guest::harmless().with(name::LOAD_IMAGE, "(i32.const 0)").with(name::EVALUATE, "unreachable");
    let sink = sink_of(&taken_for_none, 2);
    sink.try_apply(&empty(7)).unwrap();
    let decision = sink.decide(&ACME, NOW);
    assert_eq!((decision.decision, decision.made_by.unwrap().revision.as_u64()), (Decision::OFF, 7));
    assert_eq!(sink.report().traps, 0, "an empty set needs no guest");
}

#[test]
fn one_guest_that_hangs_does_not_keep_other_threads_waiting() {
    let wasm = Guest::harmless().with(name::EVALUATE, HANGS_FOR_ACME).wasm();
    let patient = GuestLimits { call_deadline: Duration::from_secs(1), ..LIMITS };
    let engine = GuestEngine::from_wasm(&wasm, patient).unwrap();
    let sink = GuestSink::new(engine, NonZeroUsize::new(2).unwrap());
    sink.try_apply(&snapshot(1)).unwrap();
    let other = Request { tenant: Some("b"), ..Request::EMPTY };
    thread::scope(|scope| {
        let hung = scope.spawn(|| sink.decide(&ACME, NOW));
        thread::sleep(Duration::from_millis(50));
        for _ in 0..50 {
            assert!(sink.decide(&other, NOW).made_by.is_some());
        }
        assert!(!hung.is_finished(), "the others waited for the guest that hangs");
        assert_eq!(hung.join().unwrap(), NOT_MADE);
    });
    assert_eq!(faults(&sink.report()), (0, 1, 0));
}

/// Looks at the length of the request: a header and four bytes of tenant.
const HANGS_FOR_ACME: &str =
    "(if (i32.eq (local.get $0) (i32.const 20)) (then (loop (br 0)))) (i64.const 0xffffffff)";

#[test]
fn a_request_that_the_boundary_cannot_carry_is_off_and_counted() {
    let sink = loaded(&Guest::harmless().with(name::EVALUATE, ON));
    let long = "x".repeat(65_536);
    assert_eq!(sink.decide(&Request { tenant: Some(&long), ..Request::EMPTY }, NOW), NOT_MADE);
    assert_ne!(
        sink.decide(&Request { index: Some(&long), ..ACME }, NOW),
        NOT_MADE,
        "nobody asks for its index"
    );
    let report = sink.report();
    assert_eq!((report.too_long, faults(&report)), (1, (0, 0, 0)));
    assert_eq!(sink.evaluate(&ACME, NOW).level, DiagLevel::Shape, "the guest is none the worse");
}
