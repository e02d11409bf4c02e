//! An etcd that comes back as it was before, or as another.

use aldis_etcd::kv::Header;
use aldis_etcd::{Change, Changes, Decision, EtcdDirectiveStore, Request};
use rig::etcd::{Etcd, Version};
use rig::eventually;
use rig::ordeal::{SHORT, SHORT_LIFE, document};

use super::subject::{SOON, Subject};
use super::{KEY, following_one};

/// An etcd that has come far beyond its snapshot, and a store that follows it.
async fn ahead_of_its_snapshots(version: &Version, fault: &str) -> Ahead {
    let etcd = Etcd::builder().version(version).start();
    let without_key = etcd.snapshot();
    etcd.put(KEY, document("past"));
    let with_key = etcd.snapshot();
    for _ in 0..5 {
        etcd.put("aldis/other", "more revisions");
    }
    etcd.put(KEY, document("one"));
    let subject = following_one(&format!("{fault} | {version}"), vec![etcd.endpoint()]).await;
    let changes = subject.store.changes();
    Ahead { etcd, subject, changes, without_key, with_key }
}

struct Ahead {
    etcd: Etcd,
    subject: Subject,
    changes: Changes,
    without_key: rig::etcd::Snapshot,
    with_key: rig::etcd::Snapshot,
}

impl Ahead {
    /// Lets `etcd` become another or older, and waits until the store has followed it to `present` and told so.
    async fn goes_back(mut self, present: &str, go: impl FnOnce(&mut Etcd)) -> (Etcd, Header, Header) {
        let (mut etcd, subject) = (self.etcd, self.subject);
        subject.ordeal.publish(present);
        subject.struck();
        go(&mut etcd);
        subject.notices_a_loss().await;
        subject.ordeal.stops();
        subject.ends_further_back_on(present).await;
        let told = tokio::time::timeout(SOON, cluster_change(&mut self.changes)).await;
        let (from, to) = told.expect("it is told");
        subject.ordeal.publish("new");
        etcd.put(KEY, document("new"));
        subject.shows("new").await;
        assert_eq!(subject.status().cluster_id, Some(to.cluster_id));
        (etcd, from, to)
    }
}

async fn cluster_change(changes: &mut Changes) -> (Header, Header) {
    loop {
        if let Change::ClusterChanged { from, to } = changes.next().await.expect("the store lives") {
            return (from, to);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_state_with_the_key_is_followed() {
    for version in Etcd::available() {
        let ahead = ahead_of_its_snapshots(&version, "restored to an older revision, key present").await;
        let snapshot = ahead.with_key.clone();
        let (_etcd, from, to) = ahead.goes_back("past", |etcd| etcd.restore(&snapshot)).await;
        assert_eq!(from.cluster_id, to.cluster_id, "{version}: nothing but the revision tells");
        assert!(to.revision < from.revision, "{version}: {from:?}, {to:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_state_without_the_key_is_followed() {
    for version in Etcd::available() {
        let ahead = ahead_of_its_snapshots(&version, "restored to an older revision, key absent").await;
        let snapshot = ahead.without_key.clone();
        let (_etcd, from, to) = ahead.goes_back("", |etcd| etcd.restore(&snapshot)).await;
        assert!(
            from.cluster_id == to.cluster_id && to.revision < from.revision,
            "{version}: {from:?}, {to:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_cluster_is_followed_be_it_empty_or_restored() {
    for version in Etcd::available() {
        let ahead = ahead_of_its_snapshots(&version, "wiped with another token").await;
        let go = |etcd: &mut Etcd| {
            etcd.rename_cluster("another");
            etcd.wipe_and_restart();
        };
        let (_etcd, from, to) = ahead.goes_back("", go).await;
        assert_ne!(from.cluster_id, to.cluster_id, "{version}");

        let ahead = ahead_of_its_snapshots(&version, "restored with another token").await;
        let snapshot = ahead.with_key.clone();
        let go = |etcd: &mut Etcd| {
            etcd.rename_cluster("another");
            etcd.restore(&snapshot);
        };
        let (_etcd, from, to) = ahead.goes_back("past", go).await;
        assert_ne!(from.cluster_id, to.cluster_id, "{version}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_expired_is_not_revived_by_a_restore() {
    for version in Etcd::available() {
        let mut etcd = Etcd::builder().version(&version).start();
        etcd.put(KEY, document(SHORT));
        let builder = EtcdDirectiveStore::builder([etcd.endpoint()]).scope(KEY);
        let subject =
            Subject::connect(&format!("what has expired is restored | {version}"), SHORT, builder).await;
        let request = Request { tenant: Some(SHORT), ..Request::EMPTY };
        let mut reader = subject.store.reader();
        // At once: its life is short.
        assert_ne!(reader.decide(&request), Decision::OFF, "{version}");
        let snapshot = etcd.snapshot();
        subject.ordeal.publish("one");
        etcd.put(KEY, document("one"));
        subject.shows("one").await;
        tokio::time::sleep(SHORT_LIFE).await;

        subject.ordeal.publish(SHORT);
        let mut changes = subject.store.changes();
        subject.struck();
        etcd.restore(&snapshot);
        subject.ordeal.stops();
        subject.ends_further_back_on(SHORT).await;
        let told = tokio::time::timeout(SOON, cluster_change(&mut changes)).await;
        told.expect("it is told");
        assert_eq!(reader.decide(&request), Decision::OFF, "{version}: there, and over");
        eventually("the set is what was restored", SOON, || reader.load().len() == 1).await;
    }
}
