//! A publisher with a lease, one statement at a time.

use std::sync::Arc;
use std::time::Duration;

use aldis_etcd::kv::{KvError, KvTtl, KvWriter};
use aldis_etcd::stream::{EtcdEntry, EtcdPubExt, Publisher, etcd_pub};
use futures_util::stream;
use rig::eventually;

use crate::publishing::{alive, entries, plain, shown};
use crate::troubled::{Trouble, Troubled};

/// Virtual.
pub(crate) const PATIENCE: Duration = Duration::from_secs(100);

pub(crate) const TTL: Duration = Duration::from_secs(15);

pub(crate) async fn leased(kv: &Arc<Troubled>) -> Publisher {
    plain(kv).lease_ttl(TTL).open().await.expect("memory grants")
}

pub(crate) async fn shows(kv: &Troubled, expected: &str) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while shown(kv).await != expected {
        assert!(tokio::time::Instant::now() < end, "{:?} instead of {expected:?}", shown(kv).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Ends the publisher's lease behind its back.
pub(crate) async fn revoke(kv: &Troubled, publisher: &Publisher) {
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
    let bursts = stream::iter([entries(&[("a", "1")]), entries(&[("a", "2"), ("b", "1")])]);
    bursts.etcd_pub(Arc::<Troubled>::clone(&kv), Some(TTL)).await.expect("the same");
    assert_eq!((shown(&kv).await.as_str(), kv.transactions()), ("", 5));
    let bursts = stream::iter([entries(&[("x", "1")]), entries(&[("x", "2")]), entries(&[("y", "1")])]);
    let error = plain(&kv).create_only().lease_ttl(TTL).publish_all(bursts).await.expect_err("x exists");
    assert!(matches!(error.cause, KvError::AlreadyExists { .. }), "{error}");
    assert_eq!(shown(&kv).await, "", "closed all the same");
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
async fn the_status_tells_when_the_lease_was_last_renewed() {
    let kv = Troubled::new();
    let publisher = leased(&kv).await;
    let ago = || {
        let renewed = publisher.status().renewed_at.expect("it was granted");
        tokio::time::Instant::now().into_std().saturating_duration_since(renewed)
    };
    tokio::time::sleep(TTL * 3).await;
    assert!(ago() <= TTL / 3, "{:?}", ago());
    kv.trouble_leases(vec![Some(Trouble::RequestLost); 1_000]);
    tokio::time::sleep(TTL * 3).await;
    assert!(ago() > TTL * 2, "{:?}", ago());
    assert!(publisher.status().lease.is_some(), "nobody says that it is lost");
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
