//! The store on a real etcd: what it shows and tells, how it starts and ends.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends, saying why")]

#[path = "live_store/access.rs"]
mod access;
#[path = "live_store/clock.rs"]
mod clock;
#[path = "live_store/following.rs"]
mod following;
#[path = "live_store/start.rs"]
mod start;
#[path = "live_store/telling.rs"]
mod telling;

use std::time::Duration;

use aldis_etcd::{Builder, DirectiveStore, EtcdDirectiveStore};
use rig::eventually;

/// The key under watch.
const KEY: &str = "aldis/directives";

/// How long a change may take to show on a busy machine. It usually takes a millisecond.
const SOON: Duration = Duration::from_secs(5);

/// What the contract allows from the end of a fault to the present value.
const CONVERGENCE: Duration = Duration::from_secs(15);

fn builder(endpoint: &str) -> Builder {
    EtcdDirectiveStore::builder([endpoint]).scope(KEY)
}

async fn store(endpoint: &str) -> EtcdDirectiveStore {
    builder(endpoint).connect().await.expect("etcd answers")
}

/// A document of one directive with this id. Without blanks, so that it fits into a transaction of etcdctl.
fn document(id: &str) -> String {
    document_for(id, 600)
}

fn document_for(id: &str, ttl_secs: u64) -> String {
    format!(r#"{{"directives":[{{"id":"{id}","level":"Shape","ttl_secs":{ttl_secs},"tenant":"{id}"}}]}}"#)
}

/// The ids in force, joined by blanks.
fn ids(store: &EtcdDirectiveStore) -> String {
    store.load().iter().map(|directive| directive.id.into_owned()).collect::<Vec<_>>().join(" ")
}

async fn shows(store: &EtcdDirectiveStore, expected: &str, patience: Duration) {
    eventually(&format!("the store shows {expected:?}"), patience, || ids(store) == expected).await;
}
