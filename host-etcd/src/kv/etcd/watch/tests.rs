use etcd_client::proto::{PbKeyValue, PbResponseHeader};

use super::*;

fn response(revision: i64) -> PbWatchResponse {
    let header = PbResponseHeader { cluster_id: 7, revision, ..Default::default() };
    PbWatchResponse { header: Some(header), ..Default::default() }
}

fn event(kind: i32, key: &str, revision: i64) -> PbEvent {
    let kv =
        PbKeyValue { key: key.into(), value: b"v".to_vec(), mod_revision: revision, ..Default::default() };
    PbEvent { r#type: kind, kv: Some(kv), prev_kv: None }
}

fn put(key: &str, revision: u64) -> KvUpdate {
    let value: &[u8] = b"v";
    KvUpdate::Put(KvEntry { key: key.into(), value: value.into(), mod_revision: Revision::new(revision) })
}

fn at(revision: u64) -> Header {
    Header { cluster_id: 7, revision: Revision::new(revision) }
}

#[test]
fn fragments_are_merged_into_one_message() {
    let mut inbox = Inbox::new(Revision::new(5), true);
    let first = PbWatchResponse { events: vec![event(0, "a", 6)], fragment: true, ..response(6) };
    let last = PbWatchResponse { events: vec![event(1, "b", 6)], ..response(6) };
    assert_eq!(inbox.handle(first), None);
    let gone = KvUpdate::Delete { key: "b".into(), mod_revision: Revision::new(6) };
    assert_eq!(inbox.handle(last), Some(WatchMessage::Events(at(6), vec![put("a", 6), gone])));
}

#[test]
fn whole_transactions_are_handed_on_while_further_fragments_are_to_come() {
    let mut inbox = Inbox::new(Revision::new(5), true);
    let fragment = |events| PbWatchResponse { events, fragment: true, ..response(9) };
    assert_eq!(inbox.handle(fragment(vec![event(0, "a", 5), event(0, "b", 6)])), one(put("a", 5)));
    assert_eq!(inbox.handle(fragment(vec![event(0, "c", 6)])), None, "the sixth may go on");
    let rest = vec![event(0, "d", 7), event(9, "unknown", 8)];
    let sixth = vec![put("b", 6), put("c", 6), put("d", 7)];
    assert_eq!(inbox.handle(fragment(rest)), Some(WatchMessage::Events(at(7), sixth)));
    assert_eq!(inbox.handle(response(9)), None, "the eighth may go on, though nothing of it is known");
    let last = PbWatchResponse { events: vec![event(0, "e", 8)], ..response(9) };
    assert_eq!(inbox.handle(last), one(put("e", 8)));
}

fn one(event: KvUpdate) -> Option<WatchMessage> {
    Some(WatchMessage::Events(at(event.mod_revision().as_u64()), vec![event]))
}

#[test]
fn progress_between_fragments_does_not_end_them() {
    let mut inbox = Inbox::new(Revision::new(5), true);
    let first = PbWatchResponse { events: vec![event(0, "a", 6)], fragment: true, ..response(6) };
    let last = PbWatchResponse { events: vec![event(0, "b", 6)], ..response(6) };
    assert_eq!(inbox.handle(first), None);
    assert_eq!(inbox.handle(response(6)), None, "half of a transaction is nothing");
    assert_eq!(inbox.handle(last), Some(WatchMessage::Events(at(6), vec![put("a", 6), put("b", 6)])));
}

#[test]
fn the_surplus_revision_and_unknown_events_are_dropped() {
    let mut inbox = Inbox::new(Revision::new(5), true);
    let surplus = PbWatchResponse { events: vec![event(0, "a", 4)], ..response(9) };
    assert_eq!(inbox.handle(surplus), None);
    let mixed = vec![event(0, "a", 4), event(9, "b", 5), event(0, "c", 5), PbEvent::default()];
    let mixed = PbWatchResponse { events: mixed, ..response(9) };
    assert_eq!(inbox.handle(mixed), Some(WatchMessage::Events(at(5), vec![put("c", 5)])));
}

#[test]
fn a_cancel_is_told_with_the_compacted_revision() {
    let mut inbox = Inbox::new(Revision::new(5), true);
    inbox.handle(response(9));
    // What etcd 3.4 and 3.5 send: no reason, and no revision.
    let canceled = PbWatchResponse { canceled: true, compact_revision: 8, ..response(0) };
    let compacted = Some(Revision::new(8));
    let expected = WatchMessage::Canceled { header: at(9), compacted, reason: String::new() };
    assert_eq!(inbox.handle(canceled), Some(expected));
}

#[test]
fn progress_of_servers_that_let_it_overtake_confirms_what_was_delivered() {
    let confirmed = |ordered| {
        let mut inbox = Inbox::new(Revision::new(5), ordered);
        let before = inbox.handle(response(9));
        inbox.handle(PbWatchResponse { events: vec![event(0, "a", 6)], ..response(9) });
        [before, inbox.handle(response(9))]
    };
    assert_eq!(confirmed(true), [9, 9].map(|revision| Some(WatchMessage::Progress(at(revision)))));
    assert_eq!(confirmed(false), [4, 6].map(|revision| Some(WatchMessage::Progress(at(revision)))));
}
