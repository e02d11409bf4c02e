//! Streams on a real etcd: the behaviours of the table that they come from, under its names; the race that its handoff
//! must win; and what they survive.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends, saying why")]

#[path = "live_stream/access.rs"]
mod access;
#[path = "live_stream/behaviours.rs"]
mod behaviours;
#[path = "live_stream/leases.rs"]
mod leases;
#[path = "live_stream/outages.rs"]
mod outages;
#[path = "live_stream/race.rs"]
mod race;
#[path = "stream/replica.rs"]
mod replica;

use std::sync::Arc;
use std::time::Duration;

use aldis_etcd::kv::etcd::{EtcdConnector, EtcdKv, EtcdOptions};
use aldis_etcd::kv::{KvEntry, KvSource, KvUpdate, Revision, Scope};
use aldis_etcd::stream::{Burst, EtcdEntry, Subscription};

use self::replica::Replica;

/// How long a change may take to show on a busy machine. It usually takes a millisecond.
const SOON: Duration = Duration::from_secs(10);

/// What the contract allows from the end of a fault to the present value, and room for a busy machine.
const CONVERGENCE: Duration = Duration::from_secs(20);

fn scope() -> Scope {
    Scope::parse("p/")
}

async fn kv(endpoint: &str) -> Arc<EtcdKv> {
    Arc::new(EtcdKv::connect(&EtcdOptions::new([endpoint])).await.expect("etcd answers"))
}

fn connector(endpoint: &str) -> Arc<EtcdConnector> {
    Arc::new(EtcdConnector::new(&EtcdOptions::new([endpoint])).expect("an endpoint"))
}

async fn subscribe(endpoint: &str) -> Subscription {
    aldis_etcd::stream::etcd_sub(connector(endpoint), scope()).await.expect("etcd answers")
}

async fn next(subscription: &mut Subscription) -> Burst {
    tokio::time::timeout(CONVERGENCE, subscription.next()).await.expect("in time").expect("the task lives")
}

/// Takes bursts until this revision, none of which may be missing.
async fn follow(subscription: &mut Subscription, replica: &mut Replica, last: Revision) {
    while replica.revision() < last {
        replica.apply_gapless(&next(subscription).await).expect("the next");
    }
}

fn entries(pairs: &[(&str, &str)]) -> Vec<EtcdEntry> {
    pairs.iter().map(|&(key, value)| EtcdEntry::new(key, value)).collect()
}

/// What etcd holds in the scope.
async fn held(kv: &EtcdKv) -> Vec<KvEntry> {
    kv.list(&scope()).await.expect("etcd answers").entries
}

/// `key=value`, joined by blanks.
async fn shown(kv: &EtcdKv) -> String {
    let held = held(kv).await;
    let shown = held.iter().map(|entry| format!("{}={}", entry.key, String::from_utf8_lossy(&entry.value)));
    shown.collect::<Vec<_>>().join(" ")
}

async fn shows(kv: &EtcdKv, expected: &str, patience: Duration) {
    let end = tokio::time::Instant::now() + patience;
    while shown(kv).await != expected {
        assert!(tokio::time::Instant::now() < end, "{:?} instead of {expected:?}", shown(kv).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// `key=value@revision` and `-key@revision`, joined by blanks.
fn told(burst: &Burst) -> String {
    let told = burst.updates.iter().map(|update| match update {
        KvUpdate::Put(entry) => {
            format!("{}={}@{}", entry.key, String::from_utf8_lossy(&entry.value), entry.mod_revision)
        }
        KvUpdate::Delete { key, mod_revision } => format!("-{key}@{mod_revision}"),
    });
    told.collect::<Vec<_>>().join(" ")
}
