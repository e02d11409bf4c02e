//! Load, while etcd is published to, killed, restarted and wiped; and a listener that fails.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aldis_etcd::{EtcdDirectiveStore, State};
use rig::etcd::Etcd;
use rig::eventually;
use rig::http::{Client, Question, ask};
use rustix::net::{Shutdown, shutdown};
use rustix::time::{ClockId, clock_gettime};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::service_fn;

use crate::scene::{SOON, Scene};

const KEY: &str = "aldis/directives";
const CLIENTS: usize = 8;

fn document(id: &str) -> String {
    format!(
        r#"{{"directives":[{{"id":"{id}","level":"Shape","ring_buffer":true,"expires_at":"2040-01-01T00:00:00Z","tenant":"acme"}}]}}"#
    )
}

/// The ids that have decided about an exchange in the ring.
async fn ids(scene: &Scene) -> Vec<String> {
    let exchanges = ask(scene.admin, Question::get("/exchanges")).await.json();
    let stamps = exchanges.as_array().expect("a list").iter().map(|exchange| exchange["stamp"].clone());
    let ids = stamps
        .map(|stamp| stamp.as_str().expect("is text").rsplit(':').next().expect("has an end").to_owned());
    ids.collect()
}

async fn last_number(scene: &Scene) -> Option<u64> {
    let exchanges = ask(scene.admin, Question::get("/exchanges")).await.json();
    exchanges.as_array().expect("a list").last().and_then(|exchange| exchange["number"].as_u64())
}

fn first_id(store: &EtcdDirectiveStore) -> Option<String> {
    store.snapshot().set.iter().next().map(|directive| directive.id.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_etcd_no_request_is_lost_and_none_is_decided_by_what_is_not_in_force() {
    let mut etcd = Etcd::start();
    etcd.put(KEY, document("one"));
    let store = EtcdDirectiveStore::builder([etcd.endpoint()]).connect().await.expect("starts");
    let scene = Scene::over(store).await;
    let (answered, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let mut load = JoinSet::new();
    for _ in 0..CLIENTS {
        let (answered, ended, address) = (Arc::clone(&answered), Arc::clone(&ended), scene.proxy);
        load.spawn(async move {
            let mut client = Client::connect(address).await;
            while !ended.load(Ordering::Relaxed) {
                let answer = client.ask(Question::get("/logs/_search").header("x-tenant", "acme")).await;
                assert_eq!(answer.status, 200);
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let in_force = |revision: &'static str, id: &'static str| {
        let (store, scene) = (scene.store.clone(), &scene);
        async move {
            eventually(revision, SOON, || first_id(&store).as_deref() == Some(id)).await;
            // What began before may still be in the ring, and what begins now is decided by it.
            tokio::time::sleep(Duration::from_millis(300)).await;
            let ids = ids(scene).await;
            assert_eq!(ids.last().map(String::as_str), Some(id), "{revision}");
        }
    };
    in_force("at the start", "one").await;
    etcd.put(KEY, document("two"));
    in_force("after a flip", "two").await;
    etcd.put(KEY, r#"{"directives":[{"id":"bad","level":"Shape","ttl_secs":60,"tennant":"acme"}]}"#);
    eventually("it is refused", SOON, || !scene.store.status().refused.is_empty()).await;
    in_force("after a malformed publish", "two").await;
    etcd.kill();
    eventually("the loss is known", SOON, || scene.store.status().state == State::Stale).await;
    in_force("while etcd is down", "two").await;
    etcd.restart();
    etcd.put(KEY, document("three"));
    in_force("after its restart", "three").await;
    let before = answered.load(Ordering::Relaxed);
    etcd.put(KEY, r#"{"directives":[]}"#);
    eventually("all is off", SOON, || scene.store.snapshot().set.is_empty()).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let kept = last_number(&scene).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(last_number(&scene).await, kept, "nothing more is recorded");
    ended.store(true, Ordering::Relaxed);
    while let Some(client) = load.join_next().await {
        client.expect("no request is lost");
    }
    let all = answered.load(Ordering::Relaxed);
    assert!(before > 0 && all > before, "{before} of {all}");
}

fn spent_by_this_thread() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("is no negative time")
}

/// As where there is no file descriptor left: a core is not spent on trying again and again.
#[tokio::test]
async fn a_listener_that_fails_is_given_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    shutdown(&listener, Shutdown::Both).expect("it listens");
    listener.accept().await.expect_err("it listens no more");
    let begun = spent_by_this_thread();
    let serving =
        native_proxy::serve(listener, service_fn(async |_| Ok::<_, Infallible>(Default::default())));
    tokio::time::timeout(Duration::from_secs(1), serving).await.expect_err("it goes on");
    let spent = spent_by_this_thread() - begun;
    assert!(spent < Duration::from_millis(200), "{spent:?}");
}
