//! A publisher with a lease, one statement at a time, and then in any weather.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aldis_etcd::kv::{KvChange, KvError, KvTransact, KvTtl, KvWriter};
use aldis_etcd::stream::{EtcdEntry, Publisher, etcd_pub};
use futures_util::stream;
use rig::eventually;

use crate::publishing::{alive, entries, plain, shown};
use crate::troubled::{Trouble, Troubled};

/// Virtual.
const PATIENCE: Duration = Duration::from_secs(100);

const TTL: Duration = Duration::from_secs(15);

async fn leased(kv: &Arc<Troubled>) -> Publisher {
    plain(kv).lease_ttl(TTL).open().await.expect("memory grants")
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

/// The first attempt was carried out, the others were not even sent.
#[tokio::test(start_paused = true)]
async fn a_doubt_that_a_later_attempt_cannot_settle_stays_one() {
    let kv = Troubled::new();
    let publisher = leased(&kv).await;
    publisher.publish(entries(&[("a", "1")])).await.expect("memory takes it");
    kv.trouble_transactions([Some(Trouble::AnswerLost), Some(Trouble::Unsent), Some(Trouble::Unsent)]);
    let error = publisher.publish(entries(&[("a", "2")])).await.expect_err("in doubt");
    assert!(matches!(error.cause, KvError::Timeout { .. }), "{error}");
    assert_eq!(shown(&kv).await, "a=2");
    revoke(&kv, &publisher).await;
    shows(&kv, "a=2").await;
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
    let mut expected = BTreeMap::new();
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
