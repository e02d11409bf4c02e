//! Reads that lag, events that are lost, lists beyond one answer.

use std::time::Duration;

use aldis_etcd::{Change, EtcdDirectiveStore, State};
use rig::eventually;
use rig::ordeal::{Ordeal, document};
use rig::scripted::{Beginning, Call, Code, Scripted, message};

use super::subject::{SOON, Subject};
use super::{KEY, following_with, is_followed, lasts};

/// How often the store verifies here.
const OFTEN: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_event_is_repaired_by_the_verifying_read_and_counted() {
    let (etcd, subject) = following_with("an event is lost", |builder| builder.verify_every(OFTEN)).await;
    let mut changes = subject.store.changes();
    subject.ordeal.publish("two");
    subject.struck();
    etcd.put_unheard(&[(KEY, &document("two"))]);
    subject.ordeal.noticed(|| subject.status().repairs == 1).await;
    subject.ordeal.stops();
    subject.ends_on("two").await;
    let told = async { while !matches!(changes.next().await, Some(Change::Repaired { keys: 1 })) {} };
    tokio::time::timeout(SOON, told).await.expect("it is told");
    subject.ordeal.publish("three");
    etcd.put(KEY, document("three"));
    subject.shows("three").await;
    assert_eq!(subject.status().repairs, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_read_takes_nothing_back() {
    let (etcd, subject) =
        following_with("a stale linearizable read", |builder| builder.verify_every(OFTEN)).await;
    let past = etcd.revision();
    subject.ordeal.publish("two");
    etcd.put(KEY, document("two"));
    subject.shows("two").await;
    subject.struck();
    let reads = etcd.calls(Call::Range);
    etcd.read_as_of(past);
    // A call counts when it is asked; the second is asked when the first has been answered.
    subject.ordeal.noticed(|| etcd.calls(Call::Range) >= reads + 2).await;
    etcd.heal();
    subject.ordeal.stops();
    subject.ordeal.publish("three");
    etcd.put(KEY, document("three"));
    subject.ends_on("three").await;
    assert_eq!(subject.status().repairs, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_first_read_is_caught_up_with_by_the_watch() {
    let etcd = Scripted::start();
    let past = etcd.put(KEY, document("one"));
    etcd.put(KEY, document("two"));
    etcd.read_as_of(past);
    let builder = EtcdDirectiveStore::builder([etcd.endpoint()]).scope(KEY);
    let ordeal = Ordeal::new("a stale read at the start", "one");
    ordeal.publish("two");
    let subject = Subject::under(ordeal, builder).await;
    etcd.heal();
    subject.ends_on("two").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_lags_behind_after_a_reconnect_takes_nothing_back() {
    let (etcd, subject) = following_with("a lagging member after a reconnect", |builder| builder).await;
    let past = etcd.revision();
    subject.ordeal.publish("two");
    etcd.put(KEY, document("two"));
    subject.shows("two").await;
    subject.struck();
    etcd.read_as_of(past);
    etcd.end_watches(Code::Unavailable);
    subject.notices_a_loss().await;
    let reads = etcd.calls(Call::Range);
    eventually("it has met the past", SOON, || etcd.calls(Call::Range) >= reads + 2).await;
    etcd.heal();
    subject.ordeal.stops();
    subject.ends_on("two").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scope_beyond_one_answer_is_read_in_pages_at_one_revision() {
    let etcd = Scripted::start();
    let blank = " ".repeat(1 << 20);
    let ids: Vec<String> = (0..40).map(|number| format!("n{number:02}")).collect();
    // Six of them alone are more than 4 MiB.
    for (number, id) in ids.iter().enumerate() {
        let padding = if number < 6 { blank.as_str() } else { "" };
        etcd.put(&format!("d/{id}"), document(id) + padding);
    }
    let builder = EtcdDirectiveStore::builder([etcd.endpoint()]).scope("d/");
    let subject = Subject::connect("a list of many pages", &ids.join(" "), builder).await;
    assert!(etcd.calls(Call::Range) > 1, "in one piece");
    subject.ends_on(&ids.join(" ")).await;
    assert_eq!(subject.status().state, State::Live);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_whose_pages_do_not_go_on_is_given_up_at_once() {
    let etcd = Scripted::start();
    etcd.transaction(&[("d/a", &document("a")), ("d/b", &document("b"))]);
    let builder = || EtcdDirectiveStore::builder([etcd.endpoint()]).scope("d/");
    etcd.repeat_pages();
    let error = builder().connect().await.expect_err("there is no end to it").to_string();
    assert!(error.contains("page"), "{error}");
    assert!(etcd.calls(Call::Range) <= 3, "{} pages", etcd.calls(Call::Range));
    etcd.heal();
    let subject = Subject::connect("pages that do not go on", "a b", builder().verify_every(OFTEN)).await;
    is_followed(&etcd).await;
    subject.struck();
    etcd.repeat_pages();
    subject.tells("page").await;
    lasts(&etcd, Duration::from_secs(1)).await;
    subject.ordeal.publish("b");
    etcd.delete("d/a");
    etcd.heal();
    subject.ordeal.stops();
    subject.ends_on("b").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_on_a_member_that_lags_is_not_believed() {
    let (etcd, subject) = following_with("a watch on a lagging member", |builder| builder).await;
    let past = etcd.revision();
    subject.ordeal.publish("two");
    etcd.put(KEY, document("two"));
    subject.shows("two").await;
    subject.struck();
    // It reads well, because a read waits for the others; a watch does not.
    etcd.begin_watches(Beginning { says: vec![message::created(past)], ends: None });
    etcd.end_watches(Code::Unavailable);
    subject.notices_a_loss().await;
    lasts(&etcd, Duration::from_secs(2)).await;
    etcd.heal();
    subject.ordeal.publish("three");
    etcd.put(KEY, document("three"));
    subject.ordeal.stops();
    subject.ends_on("three").await;
}
