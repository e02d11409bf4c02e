use etcd_client::proto::{PbEvent, PbKeyValue, PbResponseHeader};

use super::*;
use crate::kv::Key;

fn response(watch_id: i64, revision: i64) -> PbWatchResponse {
    let header = PbResponseHeader { cluster_id: 7, revision, ..Default::default() };
    PbWatchResponse { header: Some(header), watch_id, ..Default::default() }
}

fn created(watch_id: i64) -> PbWatchResponse {
    PbWatchResponse { created: true, ..response(watch_id, 4) }
}

/// A response of this watch with puts at these revisions; the key is the watch's number.
fn events(watch_id: i64, revisions: &[i64]) -> PbWatchResponse {
    let event = |revision: &i64| PbEvent {
        kv: Some(PbKeyValue {
            key: watch_id.to_string().into(),
            mod_revision: *revision,
            ..Default::default()
        }),
        ..Default::default()
    };
    PbWatchResponse { events: revisions.iter().map(event).collect(), ..response(watch_id, 99) }
}

fn progress(revision: i64) -> PbWatchResponse {
    response(-1, revision)
}

/// Two watches from revision five on, both created.
fn two() -> Merge {
    let mut merge = Merge::new(2, Revision::new(5), true);
    assert_eq!(merge.handle(created(1)), None);
    assert!(matches!(merge.handle(created(2)), Some(WatchMessage::Created(_))));
    merge
}

/// The revision of the message, and which watch's key changed at which revision.
fn told(message: Option<WatchMessage>) -> Option<(u64, Vec<(String, u64)>)> {
    let WatchMessage::Events(header, updates) = message? else { return None };
    let change = |update: &KvUpdate| (update.key().to_string(), update.mod_revision().as_u64());
    Some((header.revision.as_u64(), updates.iter().map(change).collect()))
}

fn whole(revision: u64, changes: &[(&str, u64)]) -> Option<(u64, Vec<(String, u64)>)> {
    Some((revision, changes.iter().map(|(key, revision)| ((*key).to_owned(), *revision)).collect()))
}

#[test]
fn a_transaction_over_two_watches_is_one_message_in_either_order() {
    for (first, second) in [(1, 2), (2, 1)] {
        let mut merge = two();
        assert_eq!(merge.handle(events(first, &[5])), None);
        assert!(merge.waits());
        let together = told(merge.handle(events(second, &[5])));
        let keys = [(first.to_string(), 5), (second.to_string(), 5)];
        assert_eq!(together, Some((5, keys.to_vec())));
        assert!(!merge.waits());
    }
}

/// The server knows of the watches that it was asked for, and not of those that are still to be.
#[test]
fn progress_of_all_does_not_speak_for_a_watch_that_is_not_created_yet() {
    let mut merge = Merge::new(2, Revision::new(5), true);
    assert_eq!(merge.handle(created(1)), None);
    assert_eq!(merge.handle(events(1, &[5])), None);
    assert_eq!(merge.handle(progress(5)), None);
    assert!(matches!(merge.handle(created(2)), Some(WatchMessage::Created(_))));
    assert_eq!(told(merge.handle(events(2, &[5]))), whole(5, &[("1", 5), ("2", 5)]));
}

#[test]
fn what_only_one_watch_sees_waits_for_progress_or_for_the_other() {
    let mut merge = two();
    assert_eq!(merge.handle(events(1, &[5, 6])), None);
    assert!(matches!(merge.handle(progress(4)), Some(WatchMessage::Progress(_))));
    assert_eq!(told(merge.handle(progress(5))), whole(5, &[("1", 5)]));
    assert_eq!(told(merge.handle(events(2, &[7]))), whole(6, &[("1", 6)]));
    assert!(merge.waits());
    assert_eq!(told(merge.handle(progress(9))), whole(7, &[("2", 7)]));
    assert!(!merge.waits());
}

#[test]
fn what_is_behind_comes_before_what_is_ahead() {
    let mut merge = two();
    assert_eq!(merge.handle(events(1, &[6, 9])), None);
    assert_eq!(
        told(merge.handle(events(2, &[5, 6, 8]))),
        whole(8, &[("2", 5), ("1", 6), ("2", 6), ("2", 8)])
    );
    assert_eq!(told(merge.handle(progress(9))), whole(9, &[("1", 9)]));
}

#[test]
fn fragments_of_different_watches_do_not_mix() {
    let mut merge = two();
    let fragment = PbWatchResponse { fragment: true, ..events(1, &[5]) };
    assert_eq!(merge.handle(fragment), None);
    assert_eq!(merge.handle(events(2, &[5])), None);
    assert_eq!(merge.handle(progress(5)), None, "it does not speak for the fragment that is to come");
    assert_eq!(told(merge.handle(events(1, &[5]))), whole(5, &[("2", 5), ("1", 5), ("1", 5)]));
}

#[test]
fn a_cancel_of_one_watch_is_told_also_under_no_number() {
    for watch_id in [1, 2, -1] {
        let mut merge = two();
        let canceled = PbWatchResponse { canceled: true, compact_revision: 8, ..response(watch_id, 9) };
        let message = merge.handle(canceled);
        assert!(matches!(message, Some(WatchMessage::Canceled { compacted: Some(_), .. })), "{message:?}");
    }
}

#[test]
fn nothing_is_asked_while_a_watch_is_not_created_and_strangers_change_nothing() {
    let mut merge = Merge::new(2, Revision::new(5), true);
    merge.handle(created(1));
    assert_eq!(merge.handle(events(1, &[5])), None);
    assert!(!merge.waits());
    merge.handle(created(2));
    assert!(merge.waits());
    assert_eq!(merge.handle(events(3, &[5])), None);
    assert_eq!(merge.handle(events(0, &[5])), None);
    assert_eq!(told(merge.handle(progress(5))), whole(5, &[("1", 5)]));
}

#[test]
fn one_watch_needs_nobody() {
    let mut merge = Merge::new(1, Revision::new(5), false);
    // A server that knows no numbers gives its own.
    assert!(matches!(merge.handle(created(0)), Some(WatchMessage::Created(_))));
    assert_eq!(told(merge.handle(events(0, &[4, 5, 6]))), whole(6, &[("0", 5), ("0", 6)]));
    assert!(!merge.waits());
    let gone = PbEvent {
        r#type: 1,
        kv: Some(PbKeyValue { key: "k".into(), mod_revision: 7, ..Default::default() }),
        ..Default::default()
    };
    let delete = PbWatchResponse { events: vec![gone], ..response(0, 7) };
    let gone = KvUpdate::Delete { key: Key::from("k"), mod_revision: Revision::new(7) };
    let header = Header { cluster_id: 7, revision: Revision::new(7) };
    assert_eq!(merge.handle(delete), Some(WatchMessage::Events(header, vec![gone])));
}
