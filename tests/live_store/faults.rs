//! In bad weather: cuts, black holes, restarts, compaction, wipes.

use std::time::{Duration, Instant};

use aldis_etcd::{Change, EtcdDirectiveStore, State};
use rig::etcd::{Etcd, Version};
use rig::eventually;
use rig::link::{Blackhole, Link};

use super::{CONVERGENCE, KEY, SOON, document, ids, shows, store};

async fn is(store: &EtcdDirectiveStore, state: State, patience: Duration) {
    eventually(&format!("the store is {state}"), patience, || store.status().state == state).await;
}

/// A store that holds `one` and has lost its link.
async fn cut_off(version: &Version) -> (Etcd, Link, EtcdDirectiveStore) {
    let etcd = Etcd::builder().version(version).start();
    let link = Link::to(etcd.address());
    etcd.put(KEY, document("one"));
    let store = store(&link.endpoint()).await;
    link.cut();
    is(&store, State::Stale, SOON).await;
    (etcd, link, store)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_deleted_while_disconnected_clears_after_the_reconnect() {
    for version in Etcd::available() {
        let (etcd, link, store) = cut_off(&version).await;
        etcd.delete(KEY);
        assert_eq!(ids(&store), "one", "last good, as long as it lasts");
        assert!(store.status().stale_for.is_some());
        link.pass();
        shows(&store, "", CONVERGENCE).await;
        is(&store, State::Live, CONVERGENCE).await;
        assert!(store.status().reconnects >= 1, "{version}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compaction_while_cut_means_a_fresh_list() {
    for version in Etcd::available() {
        let (etcd, link, store) = cut_off(&version).await;
        for number in 0..5 {
            etcd.put(KEY, document(&format!("number{number}")));
        }
        etcd.compact();
        link.pass();
        shows(&store, "number4", CONVERGENCE).await;
        eventually("the watch was cancelled and is live again", CONVERGENCE, || {
            let status = store.status();
            status.cancels == 1 && status.state == State::Live
        })
        .await;
        etcd.put(KEY, document("last"));
        shows(&store, "last", SOON).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_etcd_that_is_killed_and_restarted_is_followed_again() {
    for version in Etcd::available() {
        let mut etcd = Etcd::builder().version(&version).start();
        etcd.put(KEY, document("one"));
        let store = store(&etcd.endpoint()).await;
        let mut changes = store.changes();
        etcd.kill();
        is(&store, State::Stale, SOON).await;
        assert_eq!(ids(&store), "one");
        etcd.restart();
        etcd.put(KEY, document("two"));
        shows(&store, "two", CONVERGENCE).await;
        is(&store, State::Live, CONVERGENCE).await;
        let mut told = Vec::new();
        while let Ok(Some(change)) = tokio::time::timeout(Duration::from_millis(100), changes.next()).await {
            told.push(change);
        }
        let place = |wanted: fn(&Change) -> bool| told.iter().position(wanted).expect("is told");
        let stale = place(|change| matches!(change, Change::Stale { .. }));
        let tries = place(|change| matches!(change, Change::Reconnecting { .. }));
        let live = told.iter().rposition(|change| *change == Change::Live).expect("is told");
        let applied = place(|change| matches!(change, Change::Applied { directives: 1, .. }));
        assert!(stale < tries && tries < live && tries < applied, "{version}: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_cluster_of_the_same_id_is_recognised_and_followed() {
    for version in Etcd::available() {
        let mut etcd = Etcd::builder().version(&version).start();
        for number in 0..20 {
            etcd.put(KEY, document(&format!("number{number}")));
        }
        let store = store(&etcd.endpoint()).await;
        let cluster_id = store.status().cluster_id;
        let mut changes = store.changes();
        etcd.wipe_and_restart();
        let restarted = Instant::now();
        let (from, to) = loop {
            if let Change::ClusterChanged { from, to } = changes.next().await.expect("the store lives") {
                break (from, to);
            }
        };
        shows(&store, "", CONVERGENCE).await;
        assert!(restarted.elapsed() < CONVERGENCE, "{version}: {:?}", restarted.elapsed());
        assert!(to.revision < from.revision && store.status().cluster_id == cluster_id, "{version}: {to:?}");
        etcd.put(KEY, document("new"));
        shows(&store, "new", SOON).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_cluster_that_has_overtaken_the_old_one_is_told_by_a_read() {
    let mut etcd = Etcd::start();
    let link = Link::to(etcd.address());
    etcd.put(KEY, document("gone"));
    let store = store(&link.endpoint()).await;
    link.cut();
    etcd.wipe_and_restart();
    for _ in 0..5 {
        etcd.put("aldis/other", "of the new cluster, at the old one's revisions");
    }
    link.pass();
    // No event will ever tell: in the new cluster nothing has happened to the key.
    shows(&store, "", CONVERGENCE).await;
    eventually("the repair is counted", SOON, || store.status().repairs == 1).await;
    etcd.put(KEY, document("new"));
    shows(&store, "new", SOON).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_black_hole_is_noticed_within_ten_seconds() {
    let etcd = Etcd::start();
    let link = Link::to(etcd.address());
    let store = store(&link.endpoint()).await;
    is(&store, State::Live, SOON).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let began = Instant::now();
    link.blackhole(Blackhole::Both);
    is(&store, State::Stale, Duration::from_millis(10_500)).await;
    assert!(began.elapsed() > Duration::from_secs(3), "not by chance");
    etcd.put(KEY, document("meanwhile"));
    link.pass();
    shows(&store, "meanwhile", CONVERGENCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_that_is_silently_dropped_is_replaced() {
    let etcd = Etcd::start();
    let link = Link::to(etcd.address());
    let store = store(&link.endpoint()).await;
    is(&store, State::Live, SOON).await;
    link.freeze_existing();
    etcd.put(KEY, document("meanwhile"));
    shows(&store, "meanwhile", CONVERGENCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_etcd_that_is_stopped_for_a_while_is_followed_again() {
    let etcd = Etcd::start();
    let store = store(&etcd.endpoint()).await;
    is(&store, State::Live, SOON).await;
    etcd.stop();
    is(&store, State::Stale, Duration::from_millis(10_500)).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    etcd.cont();
    etcd.put(KEY, document("after"));
    shows(&store, "after", CONVERGENCE).await;
    is(&store, State::Live, CONVERGENCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_flaps_ends_on_the_present_value() {
    let etcd = Etcd::start();
    let link = Link::to(etcd.address());
    let store = store(&link.endpoint()).await;
    for number in 0..5 {
        link.cut();
        etcd.put(KEY, document(&format!("number{number}")));
        tokio::time::sleep(Duration::from_millis(700)).await;
        link.pass();
        tokio::time::sleep(Duration::from_millis(1_300)).await;
    }
    shows(&store, "number4", CONVERGENCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_puts_ends_on_the_last_value() {
    let etcd = Etcd::start();
    let store = store(&etcd.endpoint()).await;
    let options = aldis_etcd::kv::etcd::EtcdOptions::new([etcd.endpoint()]);
    let kv = aldis_etcd::kv::etcd::EtcdKv::connect(&options).await.expect("etcd answers");
    for number in 0..1_000 {
        aldis_etcd::kv::KvWriter::put(&kv, &KEY.into(), document(&format!("n{number}")).as_bytes())
            .await
            .expect("put");
    }
    shows(&store, "n999", SOON).await;
    let status = store.status();
    assert_eq!((status.reconnects, status.repairs), (0, 0));
}
