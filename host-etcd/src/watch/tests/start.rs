//! From nothing to a standing watch, and what it delivers.

use super::bench::{
    Bench, change, confirmed, created, delete, delivered, entry, events, header, listing, open, progress, put,
};
use crate::kv::{Revision, WatchMessage};
use crate::watch::{Input, Output, Report};

#[test]
fn lists_at_a_revision_and_watches_from_the_next() {
    let mut bench = Bench::new();
    assert_eq!(bench.outputs(), [Output::Connect { endpoint: 0 }]);
    let connected = bench.handle(Input::Connected);
    assert_eq!(connected, [Output::Report(Report::Connected { endpoint: 0 }), Output::List]);
    let list = listing(41, &[("d/a", 3), ("d/b", 41)]);
    assert_eq!(
        bench.handle(Input::Listed(list.clone())),
        [Output::Replace(list), confirmed(41), Output::Report(Report::Live), open(42)]
    );
    assert_eq!(bench.handle(created(41)), [Output::RequestProgress]);
    assert_eq!(bench.handle(progress(41)), [confirmed(41)]);
}

#[test]
fn each_transaction_is_one_change_and_is_never_split() {
    let mut bench = Bench::standing_at(10);
    let batch = vec![put("d/a", 11), put("d/b", 11), delete("d/a", 13), put("d/c", 14), put("d/d", 14)];
    assert_eq!(
        bench.handle(events(14, batch)),
        [
            change(11, vec![put("d/a", 11), put("d/b", 11)]),
            change(13, vec![delete("d/a", 13)]),
            change(14, vec![put("d/c", 14), put("d/d", 14)]),
            confirmed(14),
        ]
    );
}

#[test]
fn what_was_delivered_is_not_delivered_again() {
    let mut bench = Bench::standing_at(10);
    bench.handle(events(12, vec![put("d/a", 11), put("d/a", 12)]));
    for replay in [vec![put("d/a", 11)], vec![put("d/a", 12)], vec![delete("d/a", 9)], vec![]] {
        assert_eq!(bench.handle(events(12, replay)), []);
    }
    let half_old = events(13, vec![put("d/a", 12), put("d/b", 13)]);
    assert_eq!(bench.handle(half_old), [change(13, vec![put("d/b", 13)]), confirmed(13)]);
}

#[test]
fn foreign_keys_change_nothing_and_move_nothing() {
    let mut bench = Bench::standing_at(10);
    assert_eq!(bench.handle(events(900, vec![put("e/a", 900), delete("d", 901)])), []);
    assert_eq!(bench.watch.delivered(), Some(header(10)));
    let outputs = bench.handle(events(11, vec![put("e/a", 11), put("d/a", 11)]));
    assert_eq!(outputs, [change(11, vec![put("d/a", 11)]), confirmed(11)]);

    let mut bench = Bench::new();
    bench.handle(Input::Connected);
    let outputs = bench.handle(Input::Listed(listing(5, &[("c", 2), ("d/a", 3), ("e", 4)])));
    let Some(Output::Replace(replaced)) = outputs.first() else { panic!("{outputs:?}") };
    assert_eq!(replaced.entries, [entry("d/a", 3)]);
}

#[test]
fn events_out_of_order_are_put_in_order() {
    let mut bench = Bench::standing_at(10);
    let outputs = bench.handle(events(12, vec![put("d/b", 12), put("d/a", 11)]));
    assert_eq!(delivered(&outputs), [&change(11, vec![put("d/a", 11)]), &change(12, vec![put("d/b", 12)])]);
}

#[test]
fn progress_that_overtakes_events_does_not_hide_them() {
    // etcd-io/etcd#15220
    let mut bench = Bench::standing_at(10);
    assert_eq!(bench.handle(progress(15)), [confirmed(15)]);
    let outputs = bench.handle(events(12, vec![put("d/a", 12)]));
    assert_eq!(delivered(&outputs), [&change(12, vec![put("d/a", 12)])]);
}

#[test]
fn what_does_not_belong_to_the_phase_changes_nothing() {
    let mut bench = Bench::new();
    bench.outputs();
    for input in [
        Input::Head(header(5)),
        Input::Listed(listing(5, &[("d/a", 5)])),
        Input::StreamEnded(None),
        Input::Diverged,
        created(5),
        progress(5),
        events(5, vec![put("d/a", 5)]),
        Input::Message(WatchMessage::Canceled {
            header: header(1),
            compacted: Some(Revision::new(1)),
            reason: String::new(),
        }),
    ] {
        assert_eq!(bench.handle(input.clone()), [], "{input:?}");
    }
    let mut bench = Bench::standing_at(10);
    for input in
        [Input::Connected, Input::Head(header(5)), Input::Listed(listing(50, &[])), super::bench::refused()]
    {
        assert_eq!(bench.handle(input.clone()), [], "{input:?}");
    }
    assert_eq!(bench.handle(created(10)), [], "acknowledged twice");
}

#[test]
fn events_before_the_acknowledgement_end_the_connection() {
    let mut bench = Bench::new();
    bench.handle(Input::Connected);
    bench.handle(Input::Listed(listing(5, &[])));
    let outputs = bench.handle(events(6, vec![put("d/a", 6)]));
    assert_eq!(outputs.first(), Some(&Output::Close));
    assert_eq!(delivered(&outputs), [] as [&Output; 0]);
}
