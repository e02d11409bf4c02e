//! A machine whose wall clock is wildly wrong for a while, with a relay on it or behind one: the ends of others do not move
//! by it, and it is not deaf afterwards.

use std::sync::Arc;
use std::time::Duration;

use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::{EtcdDirectiveStore, Request};
use rig::eventually;
use serde_json::json;

use crate::fixture::{KEY, SOON, Served, Setting};
use crate::machine::{HOUR, Machine, NOON, SECOND};

const MINUTE: u64 = 60 * SECOND;
const YEAR: u64 = 365 * 24 * HOUR;

/// A directive that ends a quarter of an hour after noon.
fn document(id: &str) -> String {
    format!(
        r#"{{"directives":[{{"id":"{id}","level":"Shape","expires_at":"2027-01-15T08:15:00Z","tenant":"acme"}}]}}"#
    )
}

fn is_on(store: &EtcdDirectiveStore) -> bool {
    store.reader().decide(&Request { tenant: Some("acme"), ..Request::EMPTY }).level.as_str() == "Shape"
}

/// For a moment it is next year.
fn leap(machine: &Machine, store: &EtcdDirectiveStore) {
    machine.set_wall(NOON + YEAR);
    machine.pass(SECOND);
    assert!(store.now().as_u64() >= NOON + YEAR);
    machine.set_wall(NOON + MINUTE);
}

async fn over(url: String, machine: &Arc<Machine>) -> EtcdDirectiveStore {
    let readings = Arc::<Machine>::clone(machine);
    let builder = EtcdDirectiveStore::relay([url]).heartbeat(Duration::from_millis(200), SOON);
    builder.readings(readings).connect().await.expect("starts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_whose_clock_leapt_tells_ends_as_they_were_published() {
    let (machine, kv) = (Machine::at(NOON), MemoryKv::new());
    let readings = Arc::<Machine>::clone(&machine);
    let store = EtcdDirectiveStore::over(Arc::new(kv.clone())).scope(KEY).readings(readings).connect().await;
    let served = Served::over(store.expect("starts"), kv, Setting::default()).await;
    leap(&machine, &served.store);
    served.put(&document("a")).await;
    assert!(is_on(&served.store), "it is not deaf itself");
    let told = served.get("/v1/directives").await.json();
    assert_eq!(told["directives"][0]["expires_at"], json!("2027-01-15T08:15:00Z"));

    let right = Machine::at(NOON + MINUTE);
    let behind = over(served.url(), &right).await;
    assert!(is_on(&behind));
    right.pass(15 * MINUTE);
    assert!(!is_on(&behind), "it ends when its author said");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_behind_a_relay_whose_clock_leapt_is_not_deaf_and_nothing_comes_back() {
    let served = Served::start().await;
    served.put(&document("a")).await;
    let machine = Machine::at(NOON);
    let store = over(served.url(), &machine).await;
    assert!(is_on(&store));
    leap(&machine, &store);
    assert!(!is_on(&store), "it is over, by the clock that leapt");
    served
        .put(&document("a").replace(
            "]",
            r#",{"id":"b","level":"Shape","expires_at":"2040-01-01T00:00:00Z","tenant":"other"}]"#,
        ))
        .await;
    eventually("it arrives", SOON, || store.snapshot().set.len() == 2).await;
    assert!(!is_on(&store), "what was over stays so though others come");
    served.put(&document("c")).await;
    eventually("it is heard", SOON, || is_on(&store)).await;
    // Once the wall clock has come forward again, an end has come nearer by as much.
    machine.set_wall(NOON + 14 * MINUTE);
    eventually("it is nearer", SOON, || {
        let ends = store.snapshot().set.iter().map(|directive| directive.expires_at.as_u64()).max();
        ends.is_some_and(|end| end <= store.now().as_u64() + 2 * MINUTE)
    })
    .await;
    assert!(is_on(&store));
    machine.pass(2 * MINUTE);
    assert!(!is_on(&store));
}
