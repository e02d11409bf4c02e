//! Starting with what was, where what is cannot be read.

use std::time::{Duration, Instant};

use aldis_etcd::kv::{KvWriter, Revision};
use aldis_etcd::{Change, StartError, State, StateError};
use rig::eventually;
use tempfile::TempDir;

use super::machine::{HOUR, Machine, NOON, SECOND};
use super::{KEY, PATIENCE, Switch, document, ids, shows};

#[tokio::test]
async fn a_malformed_value_at_the_restart_leaves_the_last_good_one_and_is_on_show() {
    let (kv, home) = (Switch::new(), TempDir::new().expect("a scratch folder"));
    kv.put(document("one", 600)).await;
    drop(kv.store(home.path()).await);
    kv.put("malformed while it was down").await;
    for _ in 0..2 {
        let store = kv.store(home.path()).await;
        let status = store.status();
        assert_eq!((ids(&store).as_str(), status.refused.len()), ("one", 1));
        assert_eq!(status.refused.values().next().map(|refusal| refusal.revision), Some(Revision::new(3)));
        drop(store);
    }
    // Down as well: what was refused is known as refused.
    kv.off();
    let store = kv.builder(home.path()).start_from_disk(true).connect().await.expect("from disk");
    assert_eq!((ids(&store).as_str(), store.status().refused.len()), ("one", 1));
    drop(store);
    let strict = kv.builder(home.path()).start_from_disk(true).strict_start(true).connect().await;
    assert!(matches!(strict, Err(StartError::Refused { .. })), "who asks for strictness gets it");
    kv.on();
    let store = kv.store(home.path()).await;
    kv.put(document("two", 600)).await;
    shows(&store, "two").await;
    assert_eq!(store.status().refused.len(), 0);
}

#[tokio::test]
async fn it_starts_from_disk_while_the_backend_is_down_and_follows_once_it_is_up() {
    let (kv, home) = (Switch::new(), TempDir::new().expect("a scratch folder"));
    kv.put(document("one", 600)).await;
    let machine = Machine::at(NOON);
    let builder = || kv.builder(home.path()).start_from_disk(true);
    let store = builder().readings(machine.clone()).connect().await.expect("memory answers");
    let before = store.status();
    assert_eq!(before.state, State::Live, "if it answers it starts live");
    machine.pass(5 * SECOND);
    drop(store);
    kv.off();

    let machine = Machine::at(NOON + 90 * SECOND);
    let began = Instant::now();
    let store = builder().readings(machine).connect().await.expect("from disk");
    assert!(began.elapsed() < Duration::from_secs(4), "all endpoints refuse, so it does not wait");
    let status = store.status();
    assert_eq!((ids(&store).as_str(), status.state), ("one", State::Stale));
    assert_eq!((status.revision, status.digest), (before.revision, before.digest));
    assert_eq!(
        (status.cluster_id, status.confirmed_revision),
        (before.cluster_id, before.confirmed_revision)
    );
    assert!(status.stale_for.is_some_and(|age| age >= Duration::from_secs(85)), "{status:?}");
    assert!(status.state_refused.is_none());

    let mut changes = store.changes();
    kv.put(document("two", 600)).await;
    kv.on();
    shows(&store, "two").await;
    eventually("it is live", PATIENCE, || store.status().state == State::Live).await;
    assert_eq!(store.status().stale_for, None);
    let live = async { while changes.next().await.expect("the store lives") != Change::Live {} };
    tokio::time::timeout(PATIENCE, live).await.expect("told");
}

#[tokio::test]
async fn what_has_expired_meanwhile_is_expired() {
    let (kv, home) = (Switch::new(), TempDir::new().expect("a scratch folder"));
    kv.put(document("one", 60)).await;
    drop(kv.builder(home.path()).readings(Machine::at(NOON)).connect().await.expect("memory answers"));
    kv.off();
    let builder = kv.builder(home.path()).start_from_disk(true);
    let store = builder.readings(Machine::at(NOON + HOUR)).connect().await.expect("from disk");
    let request = aldis_etcd::Request { tenant: Some("acme"), ..aldis_etcd::Request::EMPTY };
    assert_eq!(store.status().directives, 1);
    assert_eq!(store.reader().decide(&request), aldis_etcd::Decision::OFF);
}

#[tokio::test]
async fn with_nothing_to_start_from_the_error_names_both_causes() {
    let (kv, home) = (Switch::new(), TempDir::new().expect("a scratch folder"));
    kv.off();
    let failed = |error: StartError, expected: Option<StateError>| {
        let text = error.to_string();
        assert!(text.contains("it is switched off"), "{text}");
        assert_eq!(text.contains("from disk"), expected.is_some(), "{text}");
        let StartError::Unreachable { state, .. } = error else { panic!("{error:?}") };
        assert_eq!(state, expected);
    };
    let builder = || kv.builder(home.path()).start_from_disk(true);
    failed(builder().connect().await.expect_err("nothing there"), Some(StateError::Missing));
    failed(kv.builder(home.path()).connect().await.expect_err("not asked to"), None);
    kv.on();
    drop(kv.store(home.path()).await);
    kv.off();
    failed(kv.builder(home.path()).connect().await.expect_err("not asked to"), None);
    builder().connect().await.expect("there is a state now");
    for entry in std::fs::read_dir(home.path()).expect("readable").flatten() {
        std::fs::write(entry.path(), "nonsense").expect("written");
    }
    failed(builder().connect().await.expect_err("a broken state"), Some(StateError::Foreign));
}

#[tokio::test]
async fn without_a_directory_there_is_nothing_to_start_from() {
    let kv = Switch::new();
    kv.off();
    let builder = aldis_etcd::EtcdDirectiveStore::over(std::sync::Arc::new(kv)).start_from_disk(true);
    let error = builder.connect().await.expect_err("is down");
    assert!(error.to_string().contains("no state directory is configured"), "{error}");
}

#[tokio::test]
async fn a_cluster_that_was_wiped_meanwhile_is_followed_and_the_change_is_told() {
    let (kv, home) = (Switch::new(), TempDir::new().expect("a scratch folder"));
    for number in 0..20 {
        kv.put(document(&format!("old{number}"), 600)).await;
    }
    drop(kv.store(home.path()).await);
    kv.kv.wipe();
    kv.put(document("new", 600)).await;
    // Live from the start: read again a few times, then believed.
    let began = Instant::now();
    let store = kv.store(home.path()).await;
    assert!(began.elapsed() >= Duration::from_millis(700), "not at once: {:?}", began.elapsed());
    let status = store.status();
    assert_eq!((ids(&store).as_str(), status.revision), ("new", Some(Revision::new(2))));
    drop(store);

    // And once more from disk, where the change can be heard of.
    for number in 0..20 {
        kv.put(document(&format!("old{number}"), 600)).await;
    }
    drop(kv.store(home.path()).await);
    kv.off();
    let store = kv.builder(home.path()).start_from_disk(true).connect().await.expect("from disk");
    assert_eq!(ids(&store), "old19");
    let mut changes = store.changes();
    kv.kv.wipe();
    kv.on();
    let change = async {
        loop {
            if let Change::ClusterChanged { from, to } = changes.next().await.expect("the store lives") {
                return (from.revision, to.revision);
            }
        }
    };
    let told = tokio::time::timeout(PATIENCE, change).await.expect("told");
    assert_eq!(told, (Revision::new(22), Revision::new(1)));
    shows(&store, "").await;
}

#[tokio::test]
async fn a_key_that_was_deleted_meanwhile_is_gone() {
    let (kv, home) = (Switch::new(), TempDir::new().expect("a scratch folder"));
    kv.put(document("one", 600)).await;
    drop(kv.store(home.path()).await);
    kv.kv.delete(&KEY.into()).await.expect("delete");
    let store = kv.store(home.path()).await;
    assert_eq!((ids(&store).as_str(), store.status().revision), ("", Some(Revision::new(3))));
}
