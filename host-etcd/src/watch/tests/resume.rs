//! After a connection is lost: resume, or list anew, or follow another cluster.

use std::time::Duration;

use super::bench::{
    Bench, CLUSTER, canceled, change, connects, created, delivered, entry, events, header, listing, open,
    progress, put, reports,
};
use crate::kv::{Header, KvError, Listing, Revision};
use crate::watch::{Input, Output, Report};

#[test]
fn resumes_behind_what_was_delivered_after_asking_how_far_the_server_is() {
    let mut bench = Bench::standing_at(10);
    bench.handle(events(12, vec![put("d/a", 12)]));
    // Confirmed by progress, but other keys' revisions do not move the point to resume from.
    bench.handle(progress(40));
    bench.handle(Input::StreamEnded(None));
    bench.next_connect();
    let connected = bench.handle(Input::Connected);
    assert_eq!(connected.last(), Some(&Output::Head));
    assert_eq!(bench.handle(Input::Head(header(12))), [open(13)]);
    bench.handle(created(45));
    // While it catches up it is not live: what it delivers is what was.
    assert_eq!(bench.handle(events(20, vec![put("d/a", 20)])), [change(20, vec![put("d/a", 20)])]);
    let outputs = bench.handle(progress(45));
    assert_eq!(reports(&outputs), [&Report::Live]);
}

#[test]
fn a_resumed_watch_is_asked_often_until_it_has_caught_up() {
    let mut bench = Bench::standing_at(10);
    bench.reconnect();
    bench.handle(Input::Head(header(10)));
    assert_eq!(bench.handle(created(10)), [Output::RequestProgress]);
    for _ in 0..8 {
        assert_eq!(bench.pass(Duration::from_millis(250)), [Output::RequestProgress]);
    }
    bench.handle(progress(10));
    assert_eq!(bench.pass(Duration::from_millis(400)), []);
}

/// Of etcd before 3.4.25 and 3.5.8 the backend hands on no more progress than what was delivered.
#[test]
fn a_server_that_answers_before_it_has_delivered_is_not_believed_until_it_has() {
    let early = |bench: &mut Bench| {
        bench.reconnect();
        bench.handle(Input::Head(header(40)));
        bench.handle(created(45));
        let outputs = bench.handle(progress(10));
        assert_eq!((outputs.last(), reports(&outputs)), (Some(&Output::List), vec![]), "a read is to tell");
        assert_eq!(bench.handle(events(20, vec![put("d/a", 20)])), [change(20, vec![put("d/a", 20)])]);
    };
    let mut delivers = Bench::standing_at(10);
    early(&mut delivers);
    delivers.handle(events(45, vec![put("d/a", 45)]));
    assert_eq!(reports(&delivers.handle(progress(45))), [&Report::Live]);

    // Other keys have brought the server to where it is: this one's watch never says so.
    let mut is_quiet = Bench::standing_at(10);
    early(&mut is_quiet);
    is_quiet.handle(Input::Listed(listing(46, &[("d/a", 20)])));
    let outputs = is_quiet.pass(Duration::from_millis(500));
    assert_eq!(delivered(&outputs).len(), 1, "compared, though the watch has not come so far");
    assert_eq!(reports(&is_quiet.handle(progress(20))), [&Report::Live]);

    // A read that fails, or is itself from before, has told nothing: there is another within seconds.
    for answer in [Input::Listed(listing(44, &[("d/a", 20)])), super::bench::refused()] {
        let mut told_nothing = Bench::standing_at(10);
        early(&mut told_nothing);
        told_nothing.handle(answer);
        let mut asked = Vec::new();
        for _ in 0..28 {
            asked.extend(told_nothing.pass(Duration::from_millis(250)));
            asked.extend(told_nothing.handle(progress(20)));
        }
        let lists = asked.iter().filter(|output| **output == Output::List).count();
        assert_eq!((lists, reports(&asked)), (1, vec![]), "not with each answer, and not live meanwhile");
    }
}

#[test]
fn a_server_that_has_not_come_so_far_is_listed_and_never_watched_ahead() {
    for server in [header(9), Header { cluster_id: CLUSTER + 1, revision: Revision::new(500) }] {
        let mut bench = Bench::standing_at(10);
        bench.reconnect();
        assert_eq!(bench.handle(Input::Head(server)), [Output::List], "{server:?}");
    }
}

#[test]
fn a_watch_that_turns_out_to_be_ahead_is_closed_and_the_scope_listed() {
    let mut bench = Bench::standing_at(10);
    bench.reconnect();
    assert_eq!(bench.handle(Input::Head(header(10))), [open(11)]);
    assert_eq!(bench.handle(created(3)), [Output::CloseWatch, Output::List]);
}

#[test]
fn a_compacted_revision_means_a_fresh_list_on_the_same_connection() {
    let mut bench = Bench::standing_at(10);
    bench.reconnect();
    bench.handle(Input::Head(header(60)));
    bench.handle(created(60));
    let outputs = bench.handle(canceled(Some(50), ""));
    let report = Report::Canceled { compacted: Some(Revision::new(50)), reason: String::new() };
    assert_eq!(outputs, [Output::Report(report), Output::CloseWatch, Output::List]);
    let outputs = bench.handle(Input::Listed(listing(61, &[("d/b", 55)])));
    assert_eq!(delivered(&outputs), [&Output::Replace(listing(61, &[("d/b", 55)]))]);
    assert_eq!(outputs.last(), Some(&open(62)));
}

#[test]
fn a_backend_that_refuses_a_compacted_start_is_listed_too() {
    let mut bench = Bench::standing_at(10);
    bench.reconnect();
    bench.handle(Input::Head(header(60)));
    let refused = Input::CallFailed(KvError::Compacted { oldest: Revision::new(50) });
    assert_eq!(bench.handle(refused), [Output::CloseWatch, Output::List]);
}

#[test]
fn a_server_that_keeps_cancelling_is_left_and_listed_anew_next_time() {
    let mut bench = Bench::standing_at(10);
    bench.handle(canceled(Some(50), ""));
    bench.handle(Input::Listed(listing(61, &[])));
    bench.handle(created(61));
    let outputs = bench.handle(canceled(Some(70), ""));
    assert!(outputs.contains(&Output::Close), "{outputs:?}");
    bench.next_connect();
    assert_eq!(bench.handle(Input::Connected).last(), Some(&Output::List));
}

#[test]
fn a_cancel_long_after_another_is_chance_again() {
    let mut bench = Bench::standing_at(10);
    for _ in 0..5 {
        let outputs = bench.handle(canceled(Some(9), ""));
        assert_eq!(outputs.last(), Some(&Output::List), "{outputs:?}");
        bench.handle(Input::Listed(listing(10, &[])));
        bench.acknowledge(10);
        for _ in 0..10 {
            bench.pass(Duration::from_secs(2));
            bench.handle(progress(10));
        }
    }
}

#[test]
fn a_cancel_for_any_other_reason_is_acted_on_though_the_stream_stays_open() {
    for reason in
        ["", "etcdserver: permission denied", "etcdserver: mvcc: required revision has been compacted"]
    {
        let mut bench = Bench::standing_at(10);
        let outputs = bench.handle(canceled(None, reason));
        assert!(outputs.contains(&Output::Close), "{reason}");
        assert!(matches!(reports(&outputs).get(1), Some(Report::Stale { .. })), "{outputs:?}");
    }
}

#[test]
fn a_server_that_is_behind_is_read_again_and_then_believed() {
    for older in [header(4), Header { cluster_id: CLUSTER + 1, revision: Revision::new(500) }] {
        let mut bench = Bench::standing_at(10);
        bench.reconnect();
        bench.handle(Input::Head(older));
        let list = Listing { header: older, entries: vec![entry("d/old", 2)] };
        let began = bench.now;
        for _ in 0..3 {
            assert_eq!(bench.handle(Input::Listed(list.clone())), [], "not believed yet");
            bench.now += bench.until_due();
            assert_eq!(bench.handle(Input::TimerFired), [Output::List]);
        }
        assert!(bench.now - began < Duration::from_secs(2));
        let outputs = bench.handle(Input::Listed(list.clone()));
        assert_eq!(
            outputs.first(),
            Some(&Output::Report(Report::ClusterChanged { from: header(10), to: older }))
        );
        assert_eq!(delivered(&outputs), [&Output::Replace(list)]);
        assert_eq!(outputs.last(), Some(&open(older.revision.next().as_u64())));
        assert_eq!(bench.watch.delivered(), Some(older));
    }
}

#[test]
fn a_member_that_lags_is_given_the_time_to_catch_up() {
    let mut bench = Bench::standing_at(10);
    bench.reconnect();
    bench.handle(Input::Head(header(9)));
    assert_eq!(bench.handle(Input::Listed(listing(9, &[]))), []);
    bench.now += bench.until_due();
    bench.handle(Input::TimerFired);
    let outputs = bench.handle(Input::Listed(listing(11, &[])));
    assert_eq!(delivered(&outputs), [&Output::Replace(listing(11, &[]))]);
    // The doubts start over.
    bench.reconnect();
    bench.handle(Input::Head(header(9)));
    for _ in 0..3 {
        assert_eq!(bench.handle(Input::Listed(listing(9, &[]))), []);
        bench.now += bench.until_due();
        bench.handle(Input::TimerFired);
    }
}

#[test]
fn a_server_that_is_not_behind_ends_the_doubts_about_another() {
    let mut bench = Bench::standing_at(10);
    for _ in 0..6 {
        bench.reconnect();
        bench.handle(Input::Head(header(9)));
        assert_eq!(bench.handle(Input::Listed(listing(9, &[]))), []);
        bench.now += bench.until_due();
        bench.handle(Input::TimerFired);
        bench.handle(super::bench::refused());
        bench.next_connect();
        bench.handle(Input::Connected);
        assert_eq!(bench.handle(Input::Head(header(10))), [open(11)]);
        bench.acknowledge(10);
    }
}

#[test]
fn doubts_outlive_a_connection() {
    let mut bench = Bench::standing_at(10);
    for _ in 0..3 {
        bench.reconnect();
        bench.handle(Input::Head(header(4)));
        assert_eq!(bench.handle(Input::Listed(listing(4, &[]))), []);
        bench.now += bench.until_due();
        bench.handle(Input::TimerFired);
        let lost = bench.handle(super::bench::refused());
        if connects(&lost).is_empty() {
            bench.next_connect();
        }
        bench.handle(Input::Connected);
        bench.handle(Input::Head(header(4)));
        if !delivered(&bench.handle(Input::Listed(listing(4, &[])))).is_empty() {
            return;
        }
    }
    panic!("a server whose connections break is never believed");
}

#[test]
fn a_watch_that_answers_for_another_cluster_is_closed() {
    let other = Header { cluster_id: CLUSTER + 1, revision: Revision::new(11) };
    let mut bench = Bench::standing_at(10);
    let message = crate::kv::WatchMessage::Events(other, vec![put("d/a", 11)]);
    assert_eq!(bench.handle(Input::Message(message)), [Output::CloseWatch, Output::List]);
    let mut bench = Bench::standing_at(10);
    let message = crate::kv::WatchMessage::Progress(other);
    assert_eq!(bench.handle(Input::Message(message)), [Output::CloseWatch, Output::List]);
}

#[test]
fn a_panic_costs_one_reconnect_and_the_scope_is_listed_anew() {
    let mut bench = Bench::standing_at(10);
    // Handed out and lost with the panic.
    bench.watch.handle(events(11, vec![put("d/a", 11)]), bench.now);
    bench.watch.handle(Input::Panicked, bench.now);
    let outputs = bench.outputs();
    assert_eq!(outputs.first(), Some(&Output::Close));
    assert_eq!(delivered(&outputs), [] as [&Output; 0]);
    bench.next_connect();
    assert_eq!(bench.handle(Input::Connected).last(), Some(&Output::List));
    let outputs = bench.handle(Input::Listed(listing(11, &[("d/a", 11)])));
    assert_eq!(delivered(&outputs).len(), 1);
}

#[test]
fn a_panic_while_waiting_leaves_the_wait_as_it_is() {
    let mut bench = Bench::standing_at(10);
    bench.watch.handle(Input::StreamEnded(None), bench.now);
    let due = bench.until_due();
    // The same moment, before what was handed out was done: the loss is still told.
    bench.watch.handle(Input::Panicked, bench.now);
    let outputs = bench.outputs();
    assert_eq!(outputs.last(), Some(&Output::Close));
    assert!(matches!(reports(&outputs).as_slice(), [Report::Stale { .. }, Report::Reconnecting { .. }]));
    assert_eq!(bench.until_due(), due);
    bench.next_connect();
    assert_eq!(bench.handle(Input::Connected).last(), Some(&Output::List));
}
