//! A machine whose wall clock is wildly wrong for a while, with a relay on it or behind one: the ends of others do not move
//! by it, and it is not deaf afterwards.

use std::sync::Arc;
use std::time::Duration;

use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{Key, KvReader};
use aldis_etcd::{EtcdDirectiveStore, Request};
use rig::eventually;
use rig::http::Question;
use serde_json::json;

use crate::fixture::{KEY, SOON, Served, Setting, allowed};
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

/// A relay on a machine whose clock has leapt.
async fn leapt() -> (Served, Arc<Machine>) {
    let (machine, kv) = (Machine::at(NOON), MemoryKv::new());
    let builder = EtcdDirectiveStore::over(Arc::new(kv.clone())).scope(KEY);
    let builder = builder.heartbeat(Duration::from_millis(200), SOON);
    let store = builder.readings(Arc::<Machine>::clone(&machine)).connect().await.expect("starts");
    leap(&machine, &store);
    (Served::over(store, kv, Setting::default()).await, machine)
}

fn end_here(store: &EtcdDirectiveStore) -> u64 {
    store.snapshot().set.iter().map(|directive| directive.expires_at.as_u64()).max().expect("there is one")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_whose_clock_leapt_tells_ends_as_they_were_published() {
    let (served, machine) = leapt().await;
    served.put(&document("a")).await;
    assert!(is_on(&served.store), "it is not deaf itself");
    let told = served.get("/v1/directives").await;
    assert_eq!(told.json()["directives"][0]["expires_at"], json!("2027-01-15T08:15:00Z"));
    let end = end_here(&served.store);
    machine.set_wall(NOON + 2 * MINUTE);
    eventually("its end comes nearer", SOON, || end_here(&served.store) == end - MINUTE).await;
    let again = served.get("/v1/directives").await;
    assert_eq!((again.header("etag"), again.text()), (told.header("etag"), told.text()), "it tells the same");

    let right = Machine::at(NOON + MINUTE);
    let behind = over(served.url(), &right).await;
    assert!(is_on(&behind));
    right.pass(15 * MINUTE);
    assert!(!is_on(&behind), "it ends when its author said");
}

#[tokio::test]
async fn a_relay_whose_clock_leapt_publishes_by_the_wall_clock() {
    let (served, _machine) = leapt().await;
    for (document, end) in [
        (document("a"), "2027-01-15T08:15:00Z"),
        (
            document("b").replace(r#""expires_at":"2027-01-15T08:15:00Z""#, r#""ttl_secs":600"#),
            "2027-01-15T08:11:00Z",
        ),
    ] {
        let answer = served.ask(allowed(Question::put("/v1/directives", document.clone()))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let (_, entry) = served.kv.get(&Key::from(KEY)).await.expect("can be read");
        let published = String::from_utf8_lossy(&entry.expect("is there").value).into_owned();
        assert!(published.contains(&format!(r#""expires_at":"{end}""#)), "{published}");
        assert!(is_on(&served.store));
        let asked = r#"{"request":{"tenant":"acme"},"now":"2027-01-15T08:10:59Z"}"#;
        assert_eq!(served.ask(Question::post("/v1/eval", asked)).await.json()["level"], "Shape");
        let asked = asked.replace("08:10:59", "08:15:00");
        assert_eq!(served.ask(Question::post("/v1/eval", asked)).await.json()["level"], "Off");
    }
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
    // Also while there is no relay.
    let end = end_here(&store);
    drop(served);
    machine.set_wall(NOON + 14 * MINUTE);
    eventually("it is nearer", SOON, || end_here(&store) == end - 13 * MINUTE).await;
    assert!(is_on(&store));
    machine.pass(2 * MINUTE);
    assert!(!is_on(&store));
}
