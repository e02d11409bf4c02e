//! What a store tells of bad weather. That it survives, and in what time, is shown fault by fault in `faults.rs`.

use std::time::Duration;

use aldis_etcd::{Change, EtcdDirectiveStore, State};
use rig::etcd::Etcd;
use rig::eventually;
use rig::link::Link;

use super::{CONVERGENCE, KEY, SOON, document, ids, shows, store};

async fn is(store: &EtcdDirectiveStore, state: State, patience: Duration) {
    eventually(&format!("the store is {state}"), patience, || store.status().state == state).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_is_told_as_stale_then_each_attempt_then_live() {
    for version in Etcd::available() {
        let mut etcd = Etcd::builder().version(&version).start();
        etcd.put(KEY, document("one"));
        let store = store(&etcd.endpoint()).await;
        let mut changes = store.changes();
        etcd.kill();
        is(&store, State::Stale, SOON).await;
        assert!(store.status().stale_for.is_some());
        assert_eq!(ids(&store), "one", "last good, as long as it lasts");
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
