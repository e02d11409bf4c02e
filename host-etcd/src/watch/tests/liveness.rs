//! Links and servers that fall silent.

use std::time::Duration;

use super::bench::{Bench, change, created, events, header, listing, progress, put, reports};
use crate::kv::KvError;
use crate::watch::{Input, Output, Report};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_standing_watch_is_asked_for_its_progress_every_three_seconds() {
    let mut bench = Bench::standing_at(10);
    for _ in 0..5 {
        assert_eq!(bench.pass(2 * SECOND), []);
        assert_eq!(bench.pass(SECOND), [Output::RequestProgress]);
        bench.handle(progress(10));
    }
}

#[test]
fn events_are_a_sign_of_life_too() {
    let mut bench = Bench::standing_at(10);
    bench.pass(2 * SECOND);
    // Asked a second later, and not answered; ten seconds after the last word it is dead.
    bench.handle(events(11, vec![put("d/a", 11)]));
    bench.pass(6 * SECOND);
    bench.handle(events(12, vec![put("d/a", 12)]));
    assert!(!bench.pass(Duration::from_millis(6_999)).contains(&Output::Close));
    assert!(bench.pass(Duration::from_millis(3_001)).contains(&Output::Close));
}

#[test]
fn a_watch_that_delivers_is_asked_all_the_same() {
    let mut bench = Bench::standing_at(10);
    for revision in 11..30 {
        assert_eq!(bench.pass(2 * SECOND), []);
        assert_eq!(bench.handle(events(revision, vec![put("d/a", revision)])).len(), 2);
        assert_eq!(bench.pass(SECOND), [Output::RequestProgress]);
        bench.handle(progress(revision));
    }
}

#[test]
fn what_is_delivered_late_confirms_nothing() {
    // Over a link that does not keep up: there is always something, and all of it from long ago.
    let mut bench = Bench::standing_at(10);
    let mut outputs = Vec::new();
    for revision in 11..111 {
        outputs.extend(bench.pass(SECOND / 10));
        outputs.extend(bench.handle(events(revision, vec![put("d/a", revision)])));
    }
    assert!(matches!(reports(&outputs).as_slice(), [Report::Stale { .. }]), "within ten seconds");
    for revision in 111..1_000 {
        outputs = bench.pass(SECOND / 10);
        outputs.extend(bench.handle(events(revision, vec![put("d/a", revision)])));
        assert_eq!(reports(&outputs), [] as [&Report; 0]);
        assert!(!outputs.contains(&Output::Close), "it delivers, so it is not left");
        assert!(!outputs.iter().any(|output| matches!(output, Output::Confirmed { .. })));
    }
    assert_eq!(reports(&bench.handle(progress(1_000))), [&Report::Live]);
}

#[test]
fn what_is_known_or_foreign_is_no_sign_of_life() {
    let mut bench = Bench::standing_at(10);
    let mut outputs = Vec::new();
    for _ in 0..10 {
        outputs.extend(bench.pass(SECOND));
        outputs.extend(bench.handle(events(9, vec![put("d/a", 9), put("e/a", 99)])));
        outputs.extend(bench.handle(created(10)));
    }
    assert_eq!(outputs.iter().filter(|output| **output == Output::RequestProgress).count(), 3);
    assert!(outputs.contains(&Output::Close), "it says a lot, and nothing that would confirm what is held");
}

#[test]
fn nothing_is_live_for_long_without_a_confirmation() {
    // A repaired watch that is opened anew, and delivers, but is never told whether that is all.
    let mut bench = Bench::standing_at(10);
    bench.handle(Input::Diverged);
    bench.handle(created(10));
    let mut outputs = Vec::new();
    for revision in 11..20 {
        outputs.extend(bench.pass(SECOND));
        outputs.extend(bench.handle(events(revision, vec![put("d/a", revision)])));
    }
    assert_eq!(reports(&outputs), [] as [&Report; 0]);
    let outputs = bench.pass(SECOND);
    assert!(matches!(reports(&outputs).as_slice(), [Report::Stale { .. }]), "{outputs:?}");
    assert!(!outputs.contains(&Output::Close), "it delivers, so it is not left");
    assert_eq!(reports(&bench.handle(progress(20))), [&Report::Live]);

    // A list that takes long.
    let mut bench = Bench::standing_at(10);
    bench.handle(super::bench::canceled(Some(9), ""));
    let outputs = bench.pass(10 * SECOND);
    assert!(matches!(reports(&outputs).as_slice(), [Report::Stale { .. }]), "{outputs:?}");
    assert_eq!(bench.pass(49 * SECOND), []);
    assert_eq!(reports(&bench.handle(Input::Listed(listing(10, &[])))), [&Report::Live]);
}

#[test]
fn a_scope_too_large_for_its_link_is_given_more_time_by_the_list() {
    let mut bench = Bench::standing_at(10);
    bench.handle(super::bench::canceled(Some(9), ""));
    let mut limit = 60 * SECOND;
    for _ in 0..8 {
        assert!(!bench.pass(limit - SECOND).contains(&Output::Close), "{limit:?}");
        assert!(bench.pass(SECOND).contains(&Output::Close), "{limit:?}");
        if !matches!(bench.handle(Input::Connected).last(), Some(Output::List)) {
            bench.next_connect();
            assert_eq!(bench.handle(Input::Connected).last(), Some(&Output::List));
        }
        limit = (limit * 2).min(3_600 * SECOND);
    }
    // And what has been enough once is enough from then on.
    bench.pass(1_000 * SECOND);
    bench.handle(Input::Listed(listing(10, &[])));
    bench.handle(super::bench::canceled(Some(9), ""));
    assert!(!bench.pass(1_999 * SECOND).contains(&Output::Close));
    assert!(bench.pass(SECOND).contains(&Output::Close));
}

#[test]
fn a_dead_link_is_noticed_within_ten_seconds() {
    let mut bench = Bench::standing_at(10);
    let outputs = bench.pass(Duration::from_millis(9_999));
    assert_eq!(outputs, vec![Output::RequestProgress; 3], "asked at 3, 6 and 9 s");
    let outputs = bench.pass(Duration::from_millis(1));
    assert_eq!(outputs.first(), Some(&Output::Close));
    let cause = KvError::Timeout { operation: "progress request", limit_ms: 10_000 };
    assert!(matches!(
        reports(&outputs).as_slice(),
        [Report::Stale { cause: stale, .. }, Report::Reconnecting { cause: retry, .. }] if *stale == cause && *retry == cause
    ));
}

#[test]
fn an_acknowledged_watch_that_says_nothing_more_is_dead_too() {
    // So it is with a watch from a future revision, should one ever be opened.
    let mut bench = Bench::new();
    bench.handle(Input::Connected);
    bench.handle(Input::Listed(listing(5, &[])));
    bench.handle(created(5));
    assert!(bench.pass(10 * SECOND).contains(&Output::Close));
}

#[test]
fn after_a_pause_of_our_own_the_server_has_its_time_to_answer() {
    let mut bench = Bench::standing_at(10);
    bench.now += 60 * SECOND;
    assert_eq!(bench.handle(Input::TimerFired), [Output::RequestProgress]);
    assert!(!bench.pass(6 * SECOND).contains(&Output::Close));
    assert!(!bench.handle(progress(10)).contains(&Output::Close));
    // And if an answer was waiting, it counts before the clock does.
    bench.pass(3 * SECOND);
    bench.now += 60 * SECOND;
    let outputs = bench.handle(progress(10));
    assert!(!outputs.contains(&Output::Close), "{outputs:?}");
}

#[test]
fn what_is_never_to_be_is_no_point_beyond_time() {
    let mut bench = Bench::with(1, |config| {
        config.connect_timeout = Duration::MAX;
        config.call_timeout = Duration::MAX;
        config.list_timeout = Duration::MAX;
        config.silence_limit = Duration::MAX;
        config.verify_every = Duration::MAX;
        config.healthy_after = Duration::MAX;
    });
    bench.stand(10);
    assert!(!bench.pass(3600 * SECOND).contains(&Output::Close));
    bench.reconnect();
    let mut bench = Bench::with(1, |config| config.heartbeat = Duration::MAX);
    bench.stand(10);
    assert!(!bench.pass(30 * SECOND).contains(&Output::Close));
}

#[test]
fn no_question_is_asked_without_a_pause_and_each_has_its_time() {
    let mut bench = Bench::with(1, |config| {
        config.heartbeat = Duration::ZERO;
        config.silence_limit = Duration::ZERO;
        config.verify_every = Duration::ZERO;
    });
    bench.stand(10);
    let mut asked = 0;
    for _ in 0..100 {
        let outputs = bench.pass(SECOND / 100);
        assert!(!outputs.contains(&Output::Close), "it has answered");
        asked += outputs.len();
        if outputs.contains(&Output::RequestProgress) {
            bench.handle(progress(10));
        }
    }
    assert!((10..100).contains(&asked), "{asked}");
}

#[test]
fn the_time_in_which_nothing_was_read_does_not_count() {
    let mut bench = Bench::standing_at(10);
    bench.pass(3 * SECOND);
    bench.now += 60 * SECOND;
    bench.watch.held_up(60 * SECOND);
    // Asked before that; what was said meanwhile is read one after the other.
    for revision in 11..14 {
        let outputs = bench.handle(events(revision, vec![put("d/a", revision)]));
        assert_eq!(reports(&outputs), [] as [&Report; 0]);
    }
    assert_eq!(reports(&bench.handle(progress(14))), [] as [&Report; 0]);
    // And it is no longer than that.
    assert!(bench.pass(10 * SECOND).contains(&Output::Close));
}

#[test]
fn every_call_has_its_deadline() {
    // Connecting and listing share the connect timeout at the start.
    let mut bench = Bench::new();
    bench.outputs();
    assert!(bench.pass(5 * SECOND).contains(&Output::Close), "connect");

    let mut bench = Bench::new();
    bench.pass(4 * SECOND);
    bench.handle(Input::Connected);
    assert!(bench.pass(SECOND).contains(&Output::Close), "first list");

    let mut bench = Bench::new();
    bench.handle(Input::Connected);
    bench.handle(Input::Listed(listing(5, &[])));
    assert!(bench.pass(5 * SECOND).contains(&Output::Close), "watch");

    let mut bench = Bench::standing_at(10);
    bench.reconnect();
    assert!(bench.pass(5 * SECOND).contains(&Output::Close), "head");

    let mut bench = Bench::standing_at(10);
    bench.reconnect();
    bench.handle(Input::Head(header(9)));
    assert!(
        !bench.pass(59 * SECOND).contains(&Output::Close),
        "the backend bounds each page of a list itself"
    );
    assert!(bench.pass(SECOND).contains(&Output::Close), "list");
}

#[test]
fn the_first_read_makes_it_live_and_the_loss_of_the_link_stale() {
    let mut bench = Bench::new();
    bench.handle(Input::Connected);
    let outputs = bench.handle(Input::Listed(listing(5, &[])));
    assert_eq!(reports(&outputs), [&Report::Live]);
    bench.handle(created(5));
    let confirmed_at = bench.now;
    bench.handle(progress(5));
    bench.pass(SECOND);
    let outputs = bench.handle(Input::StreamEnded(None));
    assert!(matches!(reports(&outputs).first(), Some(Report::Stale { since, .. }) if *since == confirmed_at));
    // Told once, however long it lasts.
    bench.next_connect();
    let outputs = bench.handle(super::bench::refused());
    assert!(matches!(reports(&outputs).as_slice(), [Report::Reconnecting { .. }]));
}

#[test]
fn a_start_that_fails_is_not_called_stale() {
    let mut bench = Bench::new();
    let outputs = bench.handle(super::bench::refused());
    assert!(matches!(reports(&outputs).as_slice(), [Report::Reconnecting { endpoint: 0, .. }]));
}

#[test]
fn late_answers_to_a_closed_connection_are_not_taken_for_the_next_one() {
    let mut bench = Bench::standing_at(10);
    bench.handle(Input::StreamEnded(None));
    for late in [events(11, vec![put("d/a", 11)]), progress(99), created(99), Input::Listed(listing(99, &[]))]
    {
        assert_eq!(bench.handle(late), []);
    }
    bench.next_connect();
    bench.handle(Input::Connected);
    bench.handle(Input::Head(header(10)));
    bench.handle(created(11));
    assert_eq!(bench.handle(events(11, vec![put("d/a", 11)])), [change(11, vec![put("d/a", 11)])]);
}
