//! Events that must change nothing, and events that must not be half applied.

use std::time::Duration;

use aldis_etcd::{Change, EtcdDirectiveStore, State};
use rig::eventually;
use rig::ordeal::document;
use rig::scripted::{Call, Code, Event, Scripted, WatchResponse, message};

use super::subject::{SOON, Subject};
use super::{KEY, builder, following_one, holding_one, is_followed};

/// Long enough for a word to arrive and to be acted on.
const MOMENT: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replayed_duplicated_foreign_and_unknown_events_change_nothing() {
    let (etcd, subject) = following_one("replayed, duplicated, foreign, unknown events").await;
    subject.ordeal.publish("two");
    let now = etcd.put(KEY, document("two"));
    subject.shows("two").await;
    let before = subject.status();
    let mut changes = subject.store.changes();
    subject.struck();
    let not_ours = "aldis/directives2";
    let nothing = Event { kv: None, ..message::put(KEY, "", now + 1) };
    let events = [
        message::put(KEY, document("one"), now - 1),
        message::delete(KEY, now - 1),
        message::put(KEY, document("two"), now),
        message::delete(KEY, now),
        message::put(not_ours, document("foreign"), now + 1),
        message::delete("aldis", now + 1),
        message::unheard_of(KEY, document("unknown"), now + 1),
        nothing,
    ];
    for event in &events {
        assert_eq!(etcd.say(&message::events(now + 1, vec![event.clone()])), 1);
    }
    etcd.say(&message::events(now + 1, events.to_vec()));
    etcd.say(&WatchResponse { header: None, ..message::progress(0) });
    subject.ordeal.stops();
    subject.ordeal.publish("three");
    etcd.put(KEY, document("three"));
    subject.ends_on("three").await;
    let status = subject.status();
    assert_eq!((status.reconnects, status.cancels), (before.reconnects, before.cancels), "{status:?}");
    let change = tokio::time::timeout(SOON, changes.next()).await.expect("it is told");
    assert!(matches!(change, Some(Change::Applied { directives: 1, .. })), "{change:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_cluster_says_is_not_applied() {
    let (etcd, subject) = following_one("the watch answers for another cluster").await;
    let now = etcd.revision();
    subject.struck();
    for said in [message::progress(now + 7), message::events(now + 7, vec![message::delete(KEY, now + 7)])] {
        eventually("a watch is open", SOON, || etcd.watches() == 1).await;
        let opened = etcd.calls(Call::Watch);
        assert_eq!(etcd.say(&message::by_cluster(99, said)), 1);
        subject.ordeal.noticed(|| etcd.calls(Call::Watch) > opened).await;
    }
    subject.ordeal.stops();
    subject.ordeal.publish("two");
    etcd.put(KEY, document("two"));
    subject.ends_on("two").await;
}

/// A store that follows two documents.
async fn following_two(fault: &str) -> (Scripted, Subject) {
    let etcd = Scripted::start();
    etcd.transaction(&[("d/a", &document("a1")), ("d/b", &document("b1"))]);
    let builder = EtcdDirectiveStore::builder([etcd.endpoint()]).scope("d/");
    let subject = Subject::connect(fault, "a1 b1", builder).await;
    is_followed(&etcd).await;
    (etcd, subject)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_stream_cut_between_fragments_nothing_is_applied_and_then_all() {
    let (etcd, subject) = following_two("stream cut between fragments").await;
    subject.ordeal.publish("a2 b2");
    subject.struck();
    let (a, b) = (document("a2"), document("b2"));
    let next = etcd.put_unheard(&[("d/a", &a), ("d/b", &b)]);
    assert_eq!(etcd.say(&message::fragment(next, vec![message::put("d/a", &a, next)])), 1);
    tokio::time::sleep(MOMENT).await;
    assert_eq!(subject.ids(), "a1 b1", "half of a transaction is nothing");
    etcd.end_watches(Code::Unavailable);
    subject.notices_a_loss().await;
    subject.ordeal.stops();
    subject.ends_on("a2 b2").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fragments_are_one_change_whatever_comes_between_them() {
    let (etcd, subject) = following_two("progress between fragments").await;
    subject.ordeal.publish("a2 b2");
    let mut changes = subject.store.changes();
    let (a, b) = (document("a2"), document("b2"));
    let next = etcd.put_unheard(&[("d/a", &a), ("d/b", &b)]);
    etcd.say(&message::fragment(next, vec![message::put("d/a", &a, next)]));
    etcd.say(&message::progress(next));
    tokio::time::sleep(MOMENT).await;
    assert_eq!(subject.ids(), "a1 b1", "half of a transaction is nothing");
    etcd.say(&message::events(next, vec![message::put("d/b", &b, next)]));
    subject.ends_on("a2 b2").await;
    let change = tokio::time::timeout(SOON, changes.next()).await.expect("it is told");
    assert!(matches!(change, Some(Change::Applied { directives: 2, .. })), "{change:?}");
    assert_eq!(subject.status().reconnects, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_that_overtakes_events_hides_none_of_them() {
    for version in ["3.4.23", "3.5.30"] {
        let fault = format!("progress overtakes events, as {version}");
        let etcd = holding_one();
        etcd.claim_version(version);
        let subject = Subject::connect(&fault, "one", builder(&etcd)).await;
        is_followed(&etcd).await;
        subject.ordeal.publish("two");
        let next = etcd.put_unheard(&[(KEY, &document("two"))]);
        // Late, but it comes.
        etcd.say(&message::progress(next));
        etcd.say(&message::events(next, vec![message::put(KEY, document("two"), next)]));
        subject.shows("two").await;
        // It never comes: the stream ends between the two.
        subject.ordeal.publish("three");
        subject.struck();
        let next = etcd.put_unheard(&[(KEY, &document("three"))]);
        etcd.say(&message::progress(next));
        tokio::time::sleep(MOMENT).await;
        etcd.end_watches(Code::Unavailable);
        subject.notices_a_loss().await;
        subject.ordeal.stops();
        subject.ends_on("three").await;
        assert_eq!(subject.status().state, State::Live);
    }
}
