//! Leaders that change, die and freeze.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aldis_core::{DirectiveSet, UnixMillis};
use aldis_etcd::kv::etcd::{EtcdConnector, EtcdKv, EtcdOptions};
use aldis_etcd::kv::{KvUpdate, KvWriter, Revision, Scope};
use aldis_etcd::stream::etcd_sub;
use rig::cluster::Cluster;
use rig::etcd::Etcd;
use rig::eventually;
use rig::ordeal::{Ordeal, document};

use super::{KEY, after, endpoints_from, following_one, put};

/// How long the leadership goes round, and how often.
const STORM: Duration = Duration::from_secs(30);
const EVERY: Duration = Duration::from_secs(5);

/// How many writes there are to be at least, and how long they may take.
const WRITES: u64 = 200;
const STORM_AT_MOST: Duration = Duration::from_secs(120);

/// What the contract allows from the end of a fault to the present value.
const CONVERGENCE: Duration = Duration::from_secs(15);

/// Between two writes.
const PAUSE: Duration = Duration::from_millis(20);

/// Writes one document after the other until told to stop, each until it is acknowledged. Returns the last.
async fn write(endpoints: Vec<String>, ordeal: Arc<Ordeal>, stop: Arc<AtomicBool>) -> String {
    let kv = EtcdKv::connect(&EtcdOptions::new(endpoints)).await.expect("the cluster answers");
    let mut last = String::from("one");
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        last = format!("n{number}");
        ordeal.publish(&last);
        while kv.put(&KEY.into(), document(&last).as_bytes()).await.is_err() {
            tokio::time::sleep(PAUSE).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_changes_every_five_seconds_costs_no_write() {
    for version in Etcd::available() {
        let cluster = Cluster::start(&version);
        put(&cluster, 0, "one");
        let fault = format!("leader change every 5 s under writes | {version}");
        let subject = following_one(&fault, cluster.endpoints()).await;
        subject.struck();
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::new(Mutex::new(BTreeSet::new()));
        let listener = tokio::spawn(listen(cluster.endpoints(), Arc::clone(&told)));
        let writer = write(cluster.endpoints(), Arc::clone(&subject.ordeal), Arc::clone(&stop));
        let writer = tokio::spawn(writer);
        let began = Instant::now();
        let mut changes = 0;
        // On a slow disk writes take their time.
        let is_short = |writes: u64| writes <= WRITES && began.elapsed() < STORM_AT_MOST;
        while began.elapsed() < STORM || is_short(subject.status().revision.map_or(0, Revision::as_u64)) {
            tokio::time::sleep(EVERY).await;
            cluster.move_leader(after(cluster.leader()));
            changes += 1;
        }
        stop.store(true, Ordering::SeqCst);
        let last = writer.await.expect("the writer ends");
        subject.ordeal.stops();
        subject.ends_on(&last).await;
        let written: u64 = last.trim_start_matches('n').parse().expect("a number");
        assert!(changes >= 4 && written > WRITES, "{version}: {changes} changes, {written} writes");
        // Of writes that come together, as they may where a watch resumes, readers see the last only; a subscription is
        // told each.
        eventually("the last is told", CONVERGENCE, || told.lock().expect("unbroken").contains(&last)).await;
        let told = told.lock().expect("unbroken").clone();
        let missing: Vec<u64> =
            (0..=written).filter(|number| !told.contains(&format!("n{number}"))).collect();
        assert!(missing.is_empty(), "{version}: {missing:?} of {written}");
        let skipped = u64::try_from(subject.ordeal.skipped()).expect("small");
        assert!(skipped * 10 <= written, "{version}: {skipped} of {written}");
        assert_eq!(subject.status().repairs, 0, "{version}: nothing had to be mended by a read");
        listener.abort();
    }
}

/// Notes the id of every document that a subscription is told of.
async fn listen(endpoints: Vec<String>, told: Arc<Mutex<BTreeSet<String>>>) {
    let connector = EtcdConnector::new(&EtcdOptions::new(endpoints)).expect("the endpoints are good");
    let scope = Scope::parse(KEY);
    let mut subscription = etcd_sub(Arc::new(connector), scope).await.expect("the cluster answers");
    while let Some(burst) = subscription.next().await {
        let values = burst.updates.iter().filter_map(|update| match update {
            KvUpdate::Put(entry) => DirectiveSet::decode(&entry.value, UnixMillis::new(0)).ok(),
            KvUpdate::Delete { .. } => None,
        });
        let ids = values.flat_map(|set| set.iter().map(|one| one.id.into_owned()).collect::<Vec<_>>());
        told.lock().expect("unbroken").extend(ids);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_dies_or_freezes_is_left_for_another() {
    for version in Etcd::available() {
        let mut cluster = Cluster::start(&version);
        put(&cluster, 0, "one");
        let leader = cluster.leader();
        let fault = format!("leader killed | {version}");
        let subject = following_one(&fault, endpoints_from(&cluster, leader)).await;
        subject.struck();
        cluster.kill(leader);
        subject.notices_a_loss().await;
        subject.ordeal.publish("two");
        put(&cluster, after(leader), "two");
        subject.ordeal.stops();
        subject.ends_on("two").await;
        cluster.restart(leader);

        put(&cluster, leader, "one");
        let leader = cluster.leader();
        let fault = format!("leader paused | {version}");
        let subject = following_one(&fault, endpoints_from(&cluster, leader)).await;
        cluster.member(leader).stop();
        subject.struck();
        subject.notices_a_loss().await;
        subject.ordeal.publish("two");
        put(&cluster, after(leader), "two");
        subject.ordeal.stops();
        subject.ends_on("two").await;
        cluster.member(leader).cont();
        subject.ordeal.publish("three");
        put(&cluster, leader, "three");
        subject.shows("three").await;
    }
}
