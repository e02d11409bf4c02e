//! A publisher, one statement at a time: plain and create-only.

use std::sync::Arc;
use std::time::Duration;

use aldis_etcd::kv::{KvError, KvSource, KvUpdate, KvWriter, Scope};
use aldis_etcd::stream::{BurstKind, EtcdEntry, Publisher, PublisherBuilder, etcd_sub};

use crate::troubled::{Trouble, Troubled};

pub(crate) fn plain(kv: &Arc<Troubled>) -> PublisherBuilder {
    Publisher::builder(Arc::<Troubled>::clone(kv))
}

pub(crate) fn entries(pairs: &[(&str, &str)]) -> Vec<EtcdEntry> {
    pairs.iter().map(|&(key, value)| EtcdEntry::new(key, value)).collect()
}

/// `key=value`, joined by blanks.
pub(crate) async fn shown(kv: &Troubled) -> String {
    let listing = kv.kv.list(&Scope::Prefix("".into())).await.expect("memory answers");
    let shown = listing.entries.iter().map(|e| format!("{}={}", e.key, String::from_utf8_lossy(&e.value)));
    shown.collect::<Vec<_>>().join(" ")
}

pub(crate) fn alive() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_one_transaction_where_it_fits_and_several_in_order_where_not() {
    let kv = Troubled::new();
    let mut bursts = etcd_sub(Arc::new(kv.kv.clone()), Scope::parse("p/")).await.expect("memory answers");
    assert_eq!(bursts.next().await.expect("lives").kind, BurstKind::Snapshot);
    let publisher = plain(&kv).open().await.expect("nothing is sent");
    assert_eq!(publisher.publish([]).await, Ok(None));
    let mut large: Vec<_> = (0..300).map(|n| EtcdEntry::new(format!("p/{n:03}").as_str(), "1")).collect();
    large.push(EtcdEntry::new("p/000", "2"));
    let revision = publisher.publish(large).await.expect("memory takes it").expect("three transactions");
    let mut keys = Vec::new();
    for length in [128, 128, 44] {
        let burst = bursts.next().await.expect("lives");
        assert_eq!(burst.updates.len(), length);
        keys.extend(burst.updates.iter().map(|update| update.key().to_string()));
        assert_eq!(burst.revision == revision, length == 44);
        let KvUpdate::Put(last) = burst.updates.last().expect("not empty") else { panic!("{burst:?}") };
        assert_eq!(&*last.value == b"2", length == 44, "the later put of a key wins, at its place");
    }
    let expected = (1..300).chain([0]).map(|n| format!("p/{n:03}"));
    assert_eq!(keys, expected.collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn large_values_are_split_by_size_and_one_that_never_fits_is_refused_before_anything_is_written() {
    let kv = Troubled::new();
    let publisher = plain(&kv).open().await.expect("nothing is sent");
    let of = |bytes: usize, count: usize| {
        (0..count).map(move |n| EtcdEntry::new(format!("{n}").as_str(), vec![0; bytes])).collect::<Vec<_>>()
    };
    publisher.publish(of(1_000_000, 4)).await.expect("one by one");
    publisher.publish(of(500_000, 4)).await.expect("three and one");
    assert_eq!(kv.transactions(), 6);
    let mut burst = of(1, 3);
    burst.extend(of(1_600_000, 4).pop());
    let error = publisher.publish(burst).await.expect_err("too large");
    assert!(matches!(error.cause, KvError::TooLarge { bytes: 1_600_000, .. }), "{error}");
    assert_eq!((kv.transactions(), error.rest.len()), (6, 4));
    assert!(!format!("{error:?}").contains("0, 0"), "no value is shown");
}

#[tokio::test(start_paused = true)]
async fn without_a_lease_keys_stay_and_nothing_runs() {
    let kv = Troubled::new();
    let before = alive();
    let publisher = plain(&kv).open().await.expect("nothing is sent");
    publisher.publish(entries(&[("a", "1")])).await.expect("memory takes it");
    assert_eq!((alive(), kv.lease_calls()), (before, 0));
    publisher.close().await.expect("nothing to end");
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(shown(&kv).await, "a=1");
}

#[tokio::test(start_paused = true)]
async fn create_only_leaves_alone_what_exists_and_names_it() {
    let kv = Troubled::new();
    let theirs = kv.kv.put(&"b".into(), b"theirs").await.expect("put").revision().expect("a revision");
    let publisher = plain(&kv).create_only().open().await.expect("nothing is sent");
    let burst = entries(&[("a", "1"), ("b", "1")]);
    let error = publisher.publish(burst.clone()).await.expect_err("b exists");
    assert_eq!(error.cause, KvError::AlreadyExists { key: "b".into(), revision: theirs });
    assert_eq!((error.rest, shown(&kv).await.as_str()), (burst, "b=theirs"), "nor is the rest written");
    publisher.publish(entries(&[("a", "1")])).await.expect("new");
    let error = publisher.publish(entries(&[("a", "1")])).await.expect_err("not even its own");
    assert!(matches!(error.cause, KvError::AlreadyExists { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_plain_put_is_tried_again_and_a_create_only_if_it_was_not_sent() {
    let kv = Troubled::new();
    let publisher = plain(&kv).open().await.expect("nothing is sent");
    kv.trouble_transactions([Some(Trouble::AnswerLost), Some(Trouble::Unsent)]);
    publisher.publish(entries(&[("a", "1")])).await.expect("the third time");
    assert_eq!(kv.transactions(), 3);
    kv.trouble_transactions([Some(Trouble::RequestLost); 3]);
    let error = publisher.publish(entries(&[("b", "1")])).await.expect_err("lost three times");
    assert!(matches!(error.cause, KvError::Timeout { .. }), "{error}");
    assert_eq!((kv.transactions(), error.rest), (6, entries(&[("b", "1")])));

    let publisher = plain(&kv).create_only().open().await.expect("nothing is sent");
    kv.trouble_transactions([Some(Trouble::Unsent)]);
    publisher.publish(entries(&[("c", "1")])).await.expect("the second time");
    kv.trouble_transactions([Some(Trouble::AnswerLost)]);
    let error = publisher.publish(entries(&[("d", "1")])).await.expect_err("in doubt");
    assert!(matches!(error.cause, KvError::Timeout { .. }), "not `exists`: {error}");
    assert_eq!(kv.transactions(), 9, "and not sent again");
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_the_rest_is_handed_back_and_publishing_it_completes_the_burst() {
    let kv = Troubled::new();
    let publisher = plain(&kv).open().await.expect("nothing is sent");
    kv.trouble_transactions([
        None,
        Some(Trouble::RequestLost),
        Some(Trouble::RequestLost),
        Some(Trouble::Unsent),
    ]);
    let burst: Vec<_> = (0..300).map(|n| EtcdEntry::new(format!("{n:03}").as_str(), "1")).collect();
    let error = publisher.publish(burst.clone()).await.expect_err("the second transaction fails");
    assert_eq!(error.rest, burst[128..]);
    // That the last attempt was not sent says nothing about the others.
    assert!(matches!(error.cause, KvError::Timeout { .. }), "{error}");
    publisher.publish(error.rest).await.expect("good weather");
    assert_eq!(shown(&kv).await.split(' ').count(), 300);
}
