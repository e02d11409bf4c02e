//! The read beside the watch.

use std::collections::BTreeSet;
use std::time::Duration;

use super::bench::{
    Bench, change, confirmed, created, delivered, events, header, listing, open, progress, put, refused,
    reports,
};
use crate::kv::{Key, KvError};
use crate::watch::{Input, Output, Report};

const SECOND: Duration = Duration::from_secs(1);

fn verified(revision: u64, entries: &[(&str, u64)], later: &[&str]) -> Output {
    let later: BTreeSet<Key> = later.iter().map(|&key| Key::from(key)).collect();
    Output::Verify { listing: listing(revision, entries), later }
}

/// Keeps the heart beating until the read is asked for; how long that took.
fn until_read(bench: &mut Bench) -> Duration {
    let began = bench.now;
    for _ in 0..200 {
        let outputs = bench.pass(SECOND);
        if outputs.contains(&Output::List) {
            return bench.now - began;
        }
        bench.handle(progress(10));
    }
    panic!("it is never verified");
}

#[test]
fn a_standing_watch_is_verified_about_once_a_minute() {
    for seed in 0..50 {
        let mut bench = Bench::with(1, |config| config.seed = seed);
        bench.stand(10);
        for _ in 0..3 {
            let waited = until_read(&mut bench);
            assert!((44 * SECOND..77 * SECOND).contains(&waited), "{waited:?}");
            bench.handle(Input::Listed(listing(10, &[])));
        }
    }
}

#[test]
fn a_resumed_watch_is_verified_within_seconds() {
    let mut bench = Bench::standing_at(10);
    bench.reconnect();
    bench.handle(Input::Head(header(10)));
    bench.acknowledge(10);
    assert!(until_read(&mut bench) <= 6 * SECOND);
}

#[test]
fn a_list_is_compared_once_the_watch_has_come_as_far() {
    let mut bench = Bench::standing_at(10);
    until_read(&mut bench);
    assert_eq!(bench.handle(events(11, vec![put("d/a", 11)])).len(), 2);
    // Ahead of the watch: held, and progress is asked for at once.
    assert_eq!(
        bench.handle(Input::Listed(listing(13, &[("d/a", 11), ("d/b", 13)]))),
        [Output::RequestProgress]
    );
    assert_eq!(bench.handle(progress(12)), [confirmed(12)]);
    // Before the event at 13 it would be missed; the one at 14 the list knows nothing of.
    let outputs = bench.handle(events(14, vec![put("d/b", 13), put("d/c", 14)]));
    assert_eq!(
        delivered(&outputs),
        [
            &change(13, vec![put("d/b", 13)]),
            &verified(13, &[("d/a", 11), ("d/b", 13)], &[]),
            &change(14, vec![put("d/c", 14)]),
        ]
    );
}

#[test]
fn keys_that_changed_after_the_list_are_left_alone() {
    let mut bench = Bench::standing_at(10);
    until_read(&mut bench);
    bench.handle(events(12, vec![put("d/a", 11), put("d/b", 12)]));
    let outputs = bench.handle(Input::Listed(listing(11, &[("d/a", 11)])));
    assert_eq!(delivered(&outputs), [&verified(11, &[("d/a", 11)], &["d/b"])]);
    assert_eq!(bench.watch.delivered(), Some(header(12)));
}

#[test]
fn a_flood_is_delivered_to_the_last_and_leaves_nothing_behind() {
    let mut bench = Bench::standing_at(10);
    until_read(&mut bench);
    // 20 000 puts on two keys while the read is under way, as etcd sends them: a thousand in one response.
    let mut last = None;
    for batch in 0..20 {
        let puts: Vec<_> = (0..1_000)
            .map(|number| 11 + batch * 1_000 + number)
            .map(|revision| put(if revision % 2 == 0 { "d/a" } else { "d/b" }, revision))
            .collect();
        let outputs = bench.handle(events(10 + (batch + 1) * 1_000, puts));
        assert_eq!(outputs.len(), 1_001, "each transaction, and one confirmation");
        last = delivered(&outputs).last().map(|output| (*output).clone());
    }
    assert_eq!(last, Some(change(20_010, vec![put("d/a", 20_010)])));
    // What it remembers for the list counts keys, not changes.
    let remembered = format!("{:?}", bench.watch).matches("d/").count();
    assert!(remembered <= 3, "two keys, and the scope: {remembered}");
    let outputs = bench.handle(Input::Listed(listing(11, &[("d/b", 11)])));
    assert_eq!(delivered(&outputs), [&verified(11, &[("d/b", 11)], &["d/a", "d/b"])]);
}

#[test]
fn progress_of_other_keys_lets_it_be_compared_and_moves_the_point_to_resume_from() {
    let mut bench = Bench::standing_at(10);
    until_read(&mut bench);
    bench.handle(Input::Listed(listing(500, &[])));
    let outputs = bench.handle(progress(500));
    assert_eq!(delivered(&outputs), [&verified(500, &[], &[])]);
    assert_eq!(bench.watch.delivered(), Some(header(500)));
}

#[test]
fn a_watch_that_does_not_catch_up_is_not_waited_for() {
    let mut bench = Bench::standing_at(10);
    until_read(&mut bench);
    bench.handle(Input::Listed(listing(12, &[("d/a", 12)])));
    let outputs = bench.pass(2 * SECOND);
    assert_eq!(delivered(&outputs), [&verified(12, &[("d/a", 12)], &[])]);
    // What the repair has brought is not delivered once more.
    assert_eq!(bench.handle(events(12, vec![put("d/a", 12)])), []);
}

#[test]
fn a_server_that_never_says_that_the_watch_has_caught_up_is_not_waited_for_however_often_it_is_asked() {
    let mut bench = Bench::with(1, |config| config.heartbeat = SECOND / 5);
    bench.stand(10);
    until_read(&mut bench);
    bench.handle(Input::Listed(listing(12, &[("d/a", 12)])));
    for _ in 0..30 {
        let outputs = bench.pass(SECOND / 5);
        if delivered(&outputs) == [&verified(12, &[("d/a", 12)], &[])] {
            return;
        }
        // All that a server may confirm whose progress could overtake events.
        bench.handle(progress(10));
    }
    panic!("it waits for ever");
}

#[test]
fn after_a_pause_of_our_own_what_has_arrived_is_delivered_first() {
    let mut bench = Bench::standing_at(10);
    until_read(&mut bench);
    bench.handle(Input::Listed(listing(12, &[("d/a", 11), ("d/b", 12)])));
    bench.now += 60 * SECOND;
    let outputs = bench.handle(events(11, vec![put("d/a", 11)]));
    assert_eq!(delivered(&outputs), [&change(11, vec![put("d/a", 11)])]);
    let outputs = bench.handle(events(12, vec![put("d/b", 12)]));
    assert_eq!(
        delivered(&outputs),
        [&change(12, vec![put("d/b", 12)]), &verified(12, &[("d/a", 11), ("d/b", 12)], &[])]
    );
}

#[test]
fn a_watch_that_has_lost_something_is_opened_anew() {
    let mut bench = Bench::standing_at(10);
    until_read(&mut bench);
    bench.handle(progress(12));
    bench.handle(Input::Listed(listing(12, &[("d/a", 12)])));
    assert_eq!(bench.handle(Input::Diverged), [Output::CloseWatch, open(13)]);
    assert_eq!(bench.handle(created(12)), [Output::RequestProgress]);
}

#[test]
fn a_server_that_is_behind_its_own_watch_is_doubted() {
    let mut bench = Bench::standing_at(10);
    until_read(&mut bench);
    assert_eq!(bench.handle(Input::Listed(listing(9, &[]))), [Output::CloseWatch]);
    bench.now += bench.until_due();
    assert_eq!(bench.handle(Input::TimerFired), [Output::List]);
}

#[test]
fn a_read_that_fails_or_is_not_answered_leaves_the_watch_standing() {
    let mut bench = Bench::standing_at(10);
    until_read(&mut bench);
    let outputs = bench.handle(refused());
    assert!(matches!(outputs.as_slice(), [Output::Report(Report::Unverified { .. })]));
    assert!(until_read(&mut bench) > 40 * SECOND);
    for _ in 0..61 {
        let outputs = bench.pass(SECOND);
        assert!(!outputs.contains(&Output::Close));
        if matches!(reports(&outputs).as_slice(), [Report::Unverified { .. }]) {
            // Too late: it says nothing any more about what is due next.
            assert_eq!(bench.handle(Input::Listed(listing(10, &[("d/x", 3)]))), []);
            return;
        }
        bench.handle(progress(10));
    }
    panic!("it waits for ever");
}

#[test]
fn a_read_that_is_denied_ends_the_connection() {
    let mut bench = Bench::standing_at(10);
    until_read(&mut bench);
    let denied = KvError::Denied { operation: "list", cause: "invalid auth token".to_owned() };
    assert!(bench.handle(Input::CallFailed(denied)).contains(&Output::Close));
}

#[test]
fn nothing_is_verified_before_the_watch_has_caught_up() {
    let mut bench = Bench::standing_at(10);
    bench.reconnect();
    bench.handle(Input::Head(header(900)));
    bench.handle(created(900));
    for revision in 11..40 {
        assert!(!bench.pass(SECOND).contains(&Output::List));
        bench.handle(events(revision, vec![put("d/a", revision)]));
    }
}
