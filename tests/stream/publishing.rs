//! A publisher, one statement at a time.

use std::sync::Arc;
use std::time::Duration;

use aldis_etcd::kv::{KvChange, KvError, KvSource, KvTransact, KvTtl, KvUpdate, KvWriter, Scope};
use aldis_etcd::stream::{BurstKind, EtcdEntry, Publisher, PublisherBuilder, etcd_pub, etcd_sub};
use futures_util::stream;
use rig::eventually;

use crate::troubled::{Trouble, Troubled};

/// Virtual.
const PATIENCE: Duration = Duration::from_secs(100);

const TTL: Duration = Duration::from_secs(15);

fn plain(kv: &Arc<Troubled>) -> PublisherBuilder {
    Publisher::builder(Arc::<Troubled>::clone(kv))
}

async fn leased(kv: &Arc<Troubled>) -> Publisher {
    plain(kv).lease_ttl(TTL).open().await.expect("memory grants")
}

fn entries(pairs: &[(&str, &str)]) -> Vec<EtcdEntry> {
    pairs.iter().map(|&(key, value)| EtcdEntry::new(key, value)).collect()
}

/// `key=value`, joined by blanks.
async fn shown(kv: &Troubled) -> String {
    let listing = kv.kv.list(&Scope::Prefix("".into())).await.expect("memory answers");
    let shown = listing.entries.iter().map(|e| format!("{}={}", e.key, String::from_utf8_lossy(&e.value)));
    shown.collect::<Vec<_>>().join(" ")
}

async fn shows(kv: &Troubled, expected: &str) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while shown(kv).await != expected {
        assert!(tokio::time::Instant::now() < end, "{:?} instead of {expected:?}", shown(kv).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Ends the publisher's lease behind its back.
async fn revoke(kv: &Troubled, publisher: &Publisher) {
    let lease = publisher.status().lease.expect("it stands");
    kv.kv.revoke(lease.id).await.expect("memory revokes");
}

fn alive() -> usize {
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
async fn a_lease_is_renewed_each_third_of_it_and_ended_by_close() {
    let kv = Troubled::new();
    let (before, publisher) = (alive(), leased(&kv).await);
    publisher.publish(entries(&[("a", "1"), ("b", "1")])).await.expect("memory takes it");
    let calls = kv.lease_calls();
    tokio::time::sleep(Duration::from_secs(1_000)).await;
    // The clock of tokio counts whole milliseconds, so a third may be a little more.
    assert!((199..=200).contains(&(kv.lease_calls() - calls)), "{}", kv.lease_calls() - calls);
    assert_eq!(shown(&kv).await, "a=1 b=1");
    let revision = kv.kv.revision();
    publisher.close().await.expect("memory revokes");
    assert_eq!((shown(&kv).await.as_str(), kv.kv.revision()), ("", revision.next()), "at once, and together");
    eventually("the task has ended", PATIENCE, || alive() == before).await;
}

#[tokio::test(start_paused = true)]
async fn a_drop_ends_the_lease_too_and_so_does_the_end_of_the_stream() {
    let kv = Troubled::new();
    let (before, publisher) = (alive(), leased(&kv).await);
    publisher.publish(entries(&[("a", "1")])).await.expect("memory takes it");
    drop(publisher);
    eventually("the task has ended", PATIENCE, || alive() == before).await;
    assert_eq!(shown(&kv).await, "");

    let bursts = stream::iter([entries(&[("a", "1")]), entries(&[("a", "2"), ("b", "1")])]);
    etcd_pub(Arc::<Troubled>::clone(&kv), bursts, Some(TTL)).await.expect("memory takes it");
    assert_eq!((shown(&kv).await.as_str(), kv.transactions()), ("", 3));
    let bursts = stream::iter([entries(&[("a", "1")]), entries(&[("", "1")]), entries(&[("c", "1")])]);
    let error = etcd_pub(Arc::<Troubled>::clone(&kv), bursts, None).await.expect_err("an empty key");
    assert_eq!((error.cause, error.rest), (KvError::EmptyKey, entries(&[("", "1")])));
    assert_eq!(shown(&kv).await, "a=1", "it stops there");
}

#[tokio::test(start_paused = true)]
async fn what_a_lost_lease_took_along_is_put_again() {
    let kv = Troubled::new();
    let publisher = leased(&kv).await;
    let many: Vec<_> = (0..200).map(|n| EtcdEntry::new(format!("k{n:03}").as_str(), "1")).collect();
    publisher.publish(many).await.expect("memory takes it");
    publisher.publish(entries(&[("k007", "2")])).await.expect("memory takes it");
    let before = shown(&kv).await;
    revoke(&kv, &publisher).await;
    assert_eq!(shown(&kv).await, "");
    shows(&kv, &before).await;
    let status = publisher.status();
    assert_eq!((status.regranted, status.keys, status.last_error), (1, 200, None));
    publisher.close().await.expect("memory revokes");
    assert_eq!(shown(&kv).await, "", "under the new lease");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_meets_a_lost_lease_does_not_wait_for_the_renewal() {
    let kv = Troubled::new();
    let publisher = leased(&kv).await;
    publisher.publish(entries(&[("a", "1"), ("b", "1")])).await.expect("memory takes it");
    revoke(&kv, &publisher).await;
    publisher.publish(entries(&[("b", "2")])).await.expect("under another lease");
    assert_eq!((shown(&kv).await.as_str(), publisher.status().regranted), ("a=1 b=2", 1));
}

#[tokio::test(start_paused = true)]
async fn an_outage_longer_than_the_lease_is_survived_and_a_shorter_one_changes_nothing() {
    let kv = Troubled::new();
    let publisher = leased(&kv).await;
    publisher.publish(entries(&[("a", "1")])).await.expect("memory takes it");
    let revision = kv.kv.revision();
    kv.trouble_leases([Some(Trouble::RequestLost), Some(Trouble::Unsent), Some(Trouble::AnswerLost)]);
    tokio::time::sleep(PATIENCE).await;
    assert_eq!((kv.kv.revision(), publisher.status().regranted), (revision, 0), "it was renewed in time");

    kv.trouble_leases([Some(Trouble::RequestLost); 1_000]);
    shows(&kv, "").await;
    eventually("it says so", PATIENCE, || publisher.status().last_error.is_some()).await;
    kv.trouble_leases([]);
    shows(&kv, "a=1").await;
    eventually("all is well", PATIENCE, || publisher.status().last_error.is_none()).await;
    assert_eq!(publisher.status().regranted, 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_renewal_does_not_end_it() {
    let kv = Troubled::new();
    let publisher = leased(&kv).await;
    publisher.publish(entries(&[("a", "1")])).await.expect("memory takes it");
    kv.trouble_leases([Some(Trouble::Panic)]);
    tokio::time::sleep(PATIENCE).await;
    assert_eq!(shown(&kv).await, "a=1");
    revoke(&kv, &publisher).await;
    kv.trouble_transactions([Some(Trouble::Panic)]);
    shows(&kv, "a=1").await;
    publisher.close().await.expect("memory revokes");
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
async fn a_key_that_was_taken_while_the_lease_was_lost_stays_with_who_took_it() {
    let kv = Troubled::new();
    let publisher = plain(&kv).create_only().lease_ttl(TTL).open().await.expect("memory grants");
    publisher.publish(entries(&[("a", "1"), ("b", "1"), ("c", "1")])).await.expect("new");
    revoke(&kv, &publisher).await;
    kv.kv.put(&"b".into(), b"theirs").await.expect("put");
    shows(&kv, "a=1 b=theirs c=1").await;
    let status = publisher.status();
    assert_eq!((status.keys, status.taken), (2, ["b".into()].into()));
    publisher.close().await.expect("memory revokes");
    assert_eq!(shown(&kv).await, "b=theirs");
}

/// Its own key, created by an attempt whose answer was lost, must not be taken for another's.
#[tokio::test(start_paused = true)]
async fn an_unanswered_create_under_a_new_lease_is_not_taken_for_somebody_elses() {
    for trouble in [Trouble::AnswerLost, Trouble::RequestLost, Trouble::Panic] {
        let kv = Troubled::new();
        let publisher = plain(&kv).create_only().lease_ttl(TTL).open().await.expect("memory grants");
        publisher.publish(entries(&[("a", "1"), ("b", "1")])).await.expect("new");
        revoke(&kv, &publisher).await;
        kv.trouble_transactions([Some(trouble)]);
        eventually("it is granted anew", PATIENCE, || publisher.status().regranted == 1).await;
        let status = publisher.status();
        assert_eq!((status.keys, status.taken.len()), (2, 0), "{trouble:?}");
        publisher.close().await.expect("memory revokes");
        assert_eq!(shown(&kv).await, "", "{trouble:?}: all of it was under the lease that ended");
    }
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
    publisher.publish(error.rest).await.expect("good weather");
    assert_eq!(shown(&kv).await.split(' ').count(), 300);
}

/// What may have happened belongs to the publisher, whether it was told so or went away before.
#[tokio::test(start_paused = true)]
async fn what_was_in_doubt_is_put_again_with_the_rest() {
    let kv = Troubled::new();
    let publisher = leased(&kv).await;
    kv.trouble_transactions([Some(Trouble::Silent)]);
    let waiting = publisher.publish(entries(&[("a", "1")]));
    tokio::time::timeout(Duration::from_secs(1), waiting).await.expect_err("given up by the caller");
    kv.trouble_transactions([Some(Trouble::AnswerLost); 3]);
    publisher.publish(entries(&[("b", "1")])).await.expect_err("in doubt");
    assert_eq!(shown(&kv).await, "a=1 b=1");
    revoke(&kv, &publisher).await;
    shows(&kv, "a=1 b=1").await;
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_is_not_put_again_and_its_last_value_is() {
    let kv = Troubled::new();
    let publisher = plain(&kv).create_only().lease_ttl(TTL).open().await.expect("memory grants");
    publisher.publish(entries(&[("a", "1")])).await.expect("new");
    publisher.publish(entries(&[("a", "2"), ("b", "1")])).await.expect_err("a exists");
    assert_eq!(publisher.status().keys, 1);
    revoke(&kv, &publisher).await;
    shows(&kv, "a=1").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_withdrawn_stays_away() {
    let kv = Troubled::new();
    let publisher = leased(&kv).await;
    publisher.publish(entries(&[("a", "1"), ("b", "1")])).await.expect("memory takes it");
    publisher.withdraw(["a", "a", "unknown"].map(Into::into)).await.expect("memory deletes");
    assert_eq!((shown(&kv).await.as_str(), publisher.status().keys), ("b=1", 1));
    revoke(&kv, &publisher).await;
    shows(&kv, "b=1").await;
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_cannot_be_ended_is_an_error_and_ends_by_itself() {
    let kv = Troubled::new();
    let publisher = leased(&kv).await;
    publisher.publish(entries(&[("a", "1")])).await.expect("memory takes it");
    kv.trouble_leases([Some(Trouble::RequestLost)]);
    let error = publisher.close().await.expect_err("no answer");
    assert!(matches!(error, KvError::Timeout { .. }), "{error}");
    assert_eq!(shown(&kv).await, "a=1");
    tokio::time::sleep(TTL + Duration::from_secs(1)).await;
    assert_eq!(shown(&kv).await, "");
}

/// Random publishes, losses of the lease and of answers; whoever publishes again what is handed back ends on what was
/// published last.
#[test]
fn in_any_weather_the_keys_are_what_was_published_last() {
    for seed in 0..300 {
        let builder = &mut tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().start_paused(true).build().expect("a runtime");
        runtime.block_on(any_weather(seed));
    }
}

async fn any_weather(seed: u64) {
    fastrand::seed(seed);
    let mut random = fastrand::Rng::with_seed(seed);
    let kv = Troubled::new();
    let publisher = leased(&kv).await;
    let mut expected = std::collections::BTreeMap::new();
    for number in 0..random.u32(5..60) {
        let troubles =
            [None, None, Some(Trouble::RequestLost), Some(Trouble::AnswerLost), Some(Trouble::Unsent)];
        let weather: Vec<_> = (0..6).map(|_| troubles[random.usize(0..troubles.len())]).collect();
        match random.u32(0..10) {
            0..5 => {
                let burst: Vec<_> = (0..random.usize(1..4))
                    .map(|_| EtcdEntry::new(format!("k{}", random.u32(0..6)).as_str(), number.to_string()))
                    .collect();
                expected.extend(burst.iter().map(|entry| (entry.key.clone(), number.to_string())));
                let mut rest = burst;
                while let Err(error) = publisher.publish(rest).await {
                    rest = error.rest;
                }
            }
            5 => {
                if let Some(lease) = publisher.status().lease {
                    kv.kv.revoke(lease.id).await.expect("memory revokes");
                }
            }
            6 => kv.trouble_transactions(weather),
            7 => kv.trouble_leases(weather),
            _ => tokio::time::sleep(Duration::from_millis(random.u64(0..20_000))).await,
        }
    }
    kv.trouble_transactions([]);
    kv.trouble_leases([]);
    let expected: Vec<_> = expected.iter().map(|(key, value)| format!("{key}={value}")).collect();
    shows(&kv, &expected.join(" ")).await;
    // Somebody else's transaction, so that a wrong lease below would show.
    kv.kv.transact(&[], &[KvChange::put("theirs", "1")]).await.expect("memory takes it");
    publisher.close().await.expect("memory revokes");
    assert_eq!(shown(&kv).await, "theirs=1", "seed {seed}");
}
