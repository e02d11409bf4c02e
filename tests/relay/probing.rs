//! What whoever runs the relay asks.

use std::sync::Arc;
use std::time::Duration;

use aldis_etcd::EtcdDirectiveStore;
use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::relay::Limits;
use rig::eventually;
use serde_json::{Value, json};

use crate::fixture::{MALFORMED, ONE, SOON, Served, Setting};

#[tokio::test]
async fn it_lives_it_is_ready_and_it_says_how_it_stands() {
    let served = Served::start().await;
    served.put(ONE).await;
    served.put(MALFORMED).await;
    assert_eq!(served.get("/healthz").await.text(), "ok\n");
    assert_eq!(served.get("/readyz").await.status, 200);
    let status = served.get("/status").await.json();
    assert_eq!(
        (&status["state"], &status["revision"], &status["directives"]),
        (&json!("live"), &json!(2), &json!(1))
    );
    assert_eq!(status["refused"][0]["error"]["reason"], "unknown_field");
    assert_eq!(
        (&status["refused"][0]["key"], &status["refused"][0]["revision"]),
        (&json!("aldis/directives"), &json!(3))
    );
    assert_eq!(served.get("/metrics").await.text(), "counted 1\n");
}

/// A relay over a relay that goes down: what is in force stays, and for a while that is ready enough.
#[tokio::test]
async fn it_is_ready_until_the_last_confirmation_lies_too_far_back() {
    let first = Served::start().await;
    first.put(ONE).await;
    let store = EtcdDirectiveStore::relay([first.url()]).connect().await.expect("starts");
    let limits = Limits { stale: Duration::from_millis(700), ..Limits::STANDARD };
    let setting = Setting { limits, publishes: false, ..Setting::default() };
    let second = Served::over(store, MemoryKv::new(), setting).await;
    assert_eq!(second.get("/readyz").await.status, 200);
    drop(first);
    let is_stale = || second.store.status().stale_for.is_some();
    eventually("the loss is noticed", SOON, is_stale).await;
    let aged = || second.store.status().stale_for.is_some_and(|age| age > Duration::from_millis(700));
    eventually("it has aged", SOON, aged).await;
    let answer = second.get("/readyz").await;
    assert_eq!((answer.status, answer.reason()), (503, "not_ready".to_owned()));
    assert_eq!(answer.header("retry-after"), "1");
    let image = second.get("/v1/image").await;
    assert_eq!(
        (image.status, image.header("aldis-state")),
        (200, "stale"),
        "the last good set is served all the same"
    );
    assert_eq!(second.get("/healthz").await.status, 200);
    assert_ne!(second.get("/status").await.json()["stale_for_ms"], Value::Null);
}

/// A store that started from disk while its source is down has confirmed nothing to this process.
#[tokio::test]
async fn it_is_not_ready_before_the_first_confirmation() {
    let folder = tempfile::tempdir().expect("a folder");
    let kv = MemoryKv::new();
    {
        let builder = EtcdDirectiveStore::over(Arc::new(kv.clone()));
        let store = builder.state_directory(folder.path()).connect().await.expect("starts");
        let mut served = Served::over(store, kv.clone(), Setting::default()).await;
        served.put(ONE).await;
        served.tell_to_end();
        served.ended().await;
    }
    // Nobody listens there.
    let builder = EtcdDirectiveStore::builder(["http://127.0.0.1:1"]).connect_timeout(Duration::from_secs(2));
    let store = builder
        .state_directory(folder.path())
        .start_from_disk(true)
        .connect()
        .await
        .expect("starts from disk");
    let served = Served::over(store, MemoryKv::new(), Setting::default()).await;
    assert_eq!(served.get("/v1/image").await.header("aldis-state"), "stale");
    assert_eq!(served.get("/v1/directives").await.header("aldis-revision"), "2");
    assert_eq!(served.get("/readyz").await.reason(), "not_ready");
}
