//! The store on real clusters in trouble: members isolated, leaders lost, the past restored.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends, saying why")]

#[path = "live_cluster/isolated.rs"]
mod isolated;
#[path = "live_cluster/leaders.rs"]
mod leaders;
#[path = "live_cluster/restored.rs"]
mod restored;
#[allow(dead_code, reason = "the scripted tests use the rest")]
#[path = "ordeal/subject.rs"]
mod subject;
#[path = "ordeal/witnesses.rs"]
mod witnesses;

use std::time::Duration;

use aldis_etcd::EtcdDirectiveStore;
use rig::cluster::{Cluster, MEMBERS};
use rig::eventually_blocking;
use rig::ordeal::document;

use self::subject::Subject;

/// The key under watch.
const KEY: &str = "aldis/directives";

/// How long a cluster may take to accept a write after it has lost a leader, on a busy machine.
const ELECTION: Duration = Duration::from_secs(30);

/// The members from this place on, and around.
fn endpoints_from(cluster: &Cluster, place: usize) -> Vec<String> {
    let mut endpoints = cluster.endpoints();
    endpoints.rotate_left(place);
    endpoints
}

/// A store that shows `one`, which these endpoints hold, and that watches.
async fn following_one(fault: &str, endpoints: Vec<String>) -> Subject {
    let builder = EtcdDirectiveStore::builder(endpoints).scope(KEY);
    let subject = Subject::connect(fault, "one", builder).await;
    subject.watches().await;
    subject
}

/// Puts a document by way of a member, as soon as there is a leader.
fn put(cluster: &Cluster, place: usize, id: &str) {
    let value = document(id);
    eventually_blocking("the cluster takes a write", ELECTION, || {
        let put = ["put", KEY, &value, "--command-timeout=2s"];
        cluster.member(place).try_etcdctl(&put).status.success()
    });
}

fn after(place: usize) -> usize {
    (place + 1) % MEMBERS
}
