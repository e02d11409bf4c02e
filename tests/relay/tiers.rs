//! Relays that feed from relays.

use std::time::Duration;

use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::{EtcdDirectiveStore, Request, StartError, State};
use rig::eventually;
use rig::relay::Reply;

use crate::fixture::{ONE, OTHER, SOON, Served, Setting};

async fn over(urls: &[String]) -> EtcdDirectiveStore {
    EtcdDirectiveStore::relay(urls.to_vec()).connect().await.expect("starts")
}

async fn tier(urls: &[String]) -> Served {
    Served::over(over(urls).await, MemoryKv::new(), Setting { publishes: false, ..Setting::default() }).await
}

/// An address where nobody listens.
const NOBODY: &str = "http://127.0.0.1:1";

#[tokio::test]
async fn a_flip_goes_through_two_tiers_with_its_revision_and_digest_and_no_lifetime_moves() {
    let first = Served::start().await;
    let second = tier(&[first.url()]).await;
    let third = tier(&[second.url()]).await;
    first.put(r#"{"directives":[{"id":"r","level":"Shape","ttl_secs":600,"tenant":"acme"}]}"#).await;
    let arrived = || third.store.snapshot().revision == first.store.snapshot().revision;
    eventually("it arrives", SOON, arrived).await;
    assert_eq!(third.store.snapshot(), first.store.snapshot());
    assert_eq!(third.get("/v1/image").await.headers["etag"], first.get("/v1/image").await.headers["etag"]);
    assert_eq!(
        third.get("/v1/image").await.headers["aldis-cluster"],
        first.get("/v1/image").await.headers["aldis-cluster"]
    );
    let mut reader = third.store.reader();
    assert_eq!(reader.decide(&Request { tenant: Some("acme"), ..Request::EMPTY }).level.as_str(), "Shape");
}

#[tokio::test]
async fn while_the_first_tier_is_down_the_others_keep_what_is_good_and_say_how_old_it_is() {
    let first = Served::start().await;
    first.put(ONE).await;
    let second = tier(&[first.url()]).await;
    let third = tier(&[second.url()]).await;
    drop(first);
    for store in [&second.store, &third.store] {
        eventually("it is known", SOON, || store.status().state == State::Stale).await;
        assert_eq!(store.snapshot().set.len(), 1);
    }
    assert_eq!(second.get("/v1/image").await.header("aldis-state"), "stale");
    assert!(third.store.status().last_error.is_some_and(|error| error.contains("cut off")));
}

#[tokio::test]
async fn one_relay_of_several_that_answers_is_enough_at_start_and_later() {
    let (first, second) = (Served::start().await, Served::start().await);
    first.put(ONE).await;
    let store = over(&[NOBODY.to_owned(), first.url(), second.url()]).await;
    assert_eq!(store.snapshot().set.len(), 1);
    drop(first);
    // The other is of another cluster, and so it is doubted before it is followed.
    eventually("the next is followed", SOON, || store.snapshot().set.is_empty()).await;
    eventually("and confirms", SOON, || store.status().state == State::Live).await;
    second.put(OTHER).await;
    eventually("its changes arrive", SOON, || store.snapshot().set.len() == 1).await;
}

/// Two relays of one etcd, one of which is behind: what is in force is not taken back by it at once.
#[tokio::test]
async fn a_relay_that_is_behind_is_doubted_before_it_is_followed() {
    let ahead = Served::start().await;
    ahead.put(ONE).await;
    ahead.put(OTHER).await;
    let behind = Served::start().await;
    let store = over(&[ahead.url(), behind.url()]).await;
    let mut changes = store.changes();
    drop(ahead);
    let follow = async {
        loop {
            match changes.next().await.expect("the store lives") {
                aldis_etcd::Change::Applied { .. } => panic!("followed without a word"),
                aldis_etcd::Change::ClusterChanged { from, to } => return (from, to),
                _ => assert_eq!(store.snapshot().set.len(), 1, "it stays meanwhile"),
            }
        }
    };
    let (from, to) = tokio::time::timeout(SOON, follow).await.expect("is followed in the end");
    assert_eq!((from.revision.as_u64(), to.revision.as_u64()), (3, 1));
}

#[tokio::test]
async fn a_start_without_any_relay_says_what_happened_to_each() {
    let urls = [NOBODY, "http://localhost:2"];
    let error = EtcdDirectiveStore::relay(urls).connect_timeout(Duration::from_secs(3)).connect().await;
    let error = error.expect_err("nobody answers");
    assert!(matches!(error, StartError::Unreachable { .. }), "{error:?}");
    assert!(urls.iter().all(|url| error.to_string().contains(url)), "{error}");
    for bad in ["relay:7117", "ftp://relay", "http://me:hunter2@relay"] {
        let error = EtcdDirectiveStore::relay([bad]).connect().await.expect_err("no URL");
        assert!(matches!(error, StartError::Options(_)) && !error.to_string().contains("hunter2"), "{error}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let error = EtcdDirectiveStore::relay([NOBODY]).state_directory(folder.path()).connect().await;
    assert!(matches!(error, Err(StartError::Options(_))), "{error:?}");
}

#[tokio::test]
async fn a_store_that_is_dropped_lets_go_of_the_relay() {
    let first = Served::start().await;
    let store = over(&[first.url()]).await;
    let listening = first.store.changes();
    let mut changes = store.changes();
    drop(store);
    let ended = async { while changes.next().await.is_some() {} };
    tokio::time::timeout(SOON, ended).await.expect("its task ends");
    drop(listening);
}

/// What is said to be nothing new, to somebody who has nothing, is no start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_says_nothing_is_new_to_whoever_has_nothing_is_not_followed() {
    let relay = rig::relay::Relay::start();
    let url = format!("http://127.0.0.1:{}", relay.port());
    let mut nothing_new = Reply::status("304 Not Modified");
    nothing_new.headers.push(("aldis-state".to_owned(), "live".to_owned()));
    for answer in [nothing_new, Reply::status("200 OK"), Reply::status("404 Not Found")] {
        relay.answer_with(Some(answer.clone()));
        let error = EtcdDirectiveStore::relay([url.clone()]).connect().await;
        assert!(matches!(error, Err(StartError::Unreachable { .. })), "{answer:?}: {error:?}");
    }
}
