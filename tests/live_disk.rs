//! The state directory on a real etcd.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends, saying why")]

use std::path::Path;
use std::time::Duration;

use aldis_etcd::{Builder, Change, DirectiveStore, EtcdDirectiveStore, State};
use rig::etcd::Etcd;
use rig::{eventually, stall};
use tempfile::TempDir;

const KEY: &str = "aldis/directives";

/// What the contract allows from the end of a fault to the present value.
const CONVERGENCE: Duration = Duration::from_secs(15);

fn builder(etcd: &Etcd, directory: &Path) -> Builder {
    let builder = EtcdDirectiveStore::builder([etcd.endpoint()]).scope(KEY);
    builder.state_directory(directory).start_from_disk(true).flush_limit(CONVERGENCE)
}

async fn store(etcd: &Etcd, directory: &Path) -> EtcdDirectiveStore {
    builder(etcd, directory).connect().await.expect("etcd answers, or the disk does")
}

fn document(id: &str) -> String {
    format!(r#"{{"directives":[{{"id":"{id}","level":"Shape","ttl_secs":600,"tenant":"{id}"}}]}}"#)
}

fn ids(store: &EtcdDirectiveStore) -> String {
    store.load().iter().map(|directive| directive.id.into_owned()).collect::<Vec<_>>().join(" ")
}

async fn shows(store: &EtcdDirectiveStore, expected: &str) {
    eventually(&format!("the store shows {expected:?}"), CONVERGENCE, || ids(store) == expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_etcd_killed_it_starts_from_disk_and_follows_once_etcd_is_back() {
    for version in Etcd::available() {
        let mut etcd = Etcd::builder().version(&version).start();
        let home = TempDir::new().expect("a scratch folder");
        etcd.put(KEY, document("one"));
        let before = store(&etcd, home.path()).await;
        shows(&before, "one").await;
        etcd.put(KEY, "malformed");
        eventually("it is refused", CONVERGENCE, || before.status().refused.len() == 1).await;
        let end = before.load().latest_expiry();
        let cluster_id = before.status().cluster_id;
        drop(before);
        etcd.kill();

        let store = store(&etcd, home.path()).await;
        let status = store.status();
        assert_eq!((ids(&store).as_str(), status.state), ("one", State::Stale));
        assert_eq!((status.refused.len(), status.cluster_id), (1, cluster_id));
        assert!(status.stale_for.is_some_and(|age| age < Duration::from_secs(60)), "{status:?}");
        etcd.restart();
        eventually("it is live", CONVERGENCE, || store.status().state == State::Live).await;
        let refusals = store.status().refused.len();
        assert_eq!((ids(&store).as_str(), refusals, store.load().latest_expiry()), ("one", 1, end));
        etcd.put(KEY, document("two"));
        shows(&store, "two").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_etcd_costs_the_connect_timeout_before_the_disk_is_believed() {
    let etcd = Etcd::start();
    let home = TempDir::new().expect("a scratch folder");
    etcd.put(KEY, document("one"));
    drop(store(&etcd, home.path()).await);
    etcd.stop();
    let limit = Duration::from_secs(1);
    stall::watch();
    let began = std::time::Instant::now();
    let store = builder(&etcd, home.path()).connect_timeout(limit).connect().await.expect("from disk");
    let (took, late) = (began.elapsed(), stall::since(began));
    assert!(took > limit / 2 && took < limit + Duration::from_secs(1) + late, "{took:?}, late by {late:?}");
    assert_eq!((ids(&store).as_str(), store.status().state), ("one", State::Stale));
    etcd.cont();
    etcd.put(KEY, document("two"));
    shows(&store, "two").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_was_wiped_while_the_store_was_down_is_followed() {
    let mut etcd = Etcd::start();
    let home = TempDir::new().expect("a scratch folder");
    for number in 0..5 {
        etcd.put(KEY, document(&format!("old{number}")));
    }
    let before = store(&etcd, home.path()).await;
    shows(&before, "old4").await;
    drop(before);
    // Up again, empty and behind, before the store is.
    etcd.wipe_and_restart();
    let after = store(&etcd, home.path()).await;
    assert_eq!(ids(&after), "");
    // The start is told a moment before.
    eventually("it is live", CONVERGENCE, || after.status().state == State::Live).await;
    etcd.put(KEY, document("new"));
    shows(&after, "new").await;
    drop(after);

    // Once more, with the store up first: the change is told.
    for number in 0..5 {
        etcd.put(KEY, document(&format!("newer{number}")));
    }
    let before = store(&etcd, home.path()).await;
    shows(&before, "newer4").await;
    drop(before);
    etcd.kill();
    let after = store(&etcd, home.path()).await;
    assert_eq!(ids(&after), "newer4");
    let mut changes = after.changes();
    etcd.wipe_and_restart();
    let told = async {
        while !matches!(changes.next().await.expect("the store lives"), Change::ClusterChanged { .. }) {}
    };
    tokio::time::timeout(CONVERGENCE, told).await.expect("told");
    shows(&after, "").await;
}
