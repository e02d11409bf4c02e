//! A disk that is slower than the start: what it says is taken in when it comes, and not written over meanwhile.

use std::path::Path;
use std::time::{Duration, Instant};

use aldis_etcd::kv::KvWriter;
use aldis_etcd::{Builder, DirectiveStore, EtcdDirectiveStore, StartError, State, StateError};
use rig::eventually;
use tempfile::TempDir;

use super::{PATIENCE, Switch, document};

/// A part of this is how long a start waits for the disk: shorter than any disk takes for the document below.
const SHORT: Duration = Duration::from_millis(40);

/// Documents so long and so many that their checksum and their decoding take a while, on any machine and in any build.
const BLANKS: usize = 1_500_000;
const DOCUMENTS: usize = 3;

fn builder(kv: &Switch, directory: &Path) -> Builder {
    kv.builder(directory).scope("large/")
}

/// A directory with a state of `one` many times, and when that ends.
async fn left_by_a_store_before(kv: &Switch, directory: &Path) -> u64 {
    for number in 0..DOCUMENTS {
        let document = document(&format!("one{number}"), 600) + &" ".repeat(BLANKS);
        kv.kv.put(&format!("large/{number:02}").as_str().into(), document.as_bytes()).await.expect("put");
    }
    let store = builder(kv, directory).connect().await.expect("memory answers");
    end(&store)
}

/// So short a time may be too short for the backend as well, on a busy machine.
async fn start_within(limit: Duration, kv: &Switch, directory: &Path) -> EtcdDirectiveStore {
    let began = Instant::now();
    loop {
        match builder(kv, directory).connect_timeout(limit).connect().await {
            Ok(store) => return store,
            Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
        }
    }
}

fn end(store: &impl DirectiveStore) -> u64 {
    store.load().latest_expiry().expect("is not empty").as_u64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_is_read_late_gives_its_lifetimes_back_and_is_not_lost() {
    let (kv, home) = (Switch::new(), TempDir::new().expect("a scratch folder"));
    let before = left_by_a_store_before(&kv, home.path()).await;
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let store = start_within(SHORT, &kv, home.path()).await;
        let refused = store.status().state_refused;
        assert!(refused.is_none_or(|cause| cause.contains("could not be read within")));
        eventually("it counts from before the restart", PATIENCE, || end(&store) == before).await;
        eventually("nothing is refused", PATIENCE, || store.status().state_refused.is_none()).await;
    }
    kv.off();
    let store = builder(&kv, home.path()).start_from_disk(true).connect_timeout(PATIENCE).connect().await;
    assert_eq!(end(&store.expect("from disk")), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_all_endpoints_refuse_the_disk_has_the_whole_timeout() {
    let (kv, home) = (Switch::new(), TempDir::new().expect("a scratch folder"));
    let before = left_by_a_store_before(&kv, home.path()).await;
    kv.off();
    let from_disk = || builder(&kv, home.path()).start_from_disk(true);
    // The first part is too short, the whole is not: as long as it takes here, and a few times that.
    let began = Instant::now();
    drop(from_disk().connect_timeout(PATIENCE).connect().await.expect("from disk"));
    let took = began.elapsed();
    let store = from_disk().connect_timeout(took * 3).connect().await.expect("from disk");
    assert_eq!((store.status().state, store.load().len(), end(&store)), (State::Stale, DOCUMENTS, before));
    kv.on();
    eventually("it follows", PATIENCE, || store.status().state == State::Live).await;
    assert_eq!(end(&store), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_does_not_answer_at_all_is_named() {
    let (kv, home) = (Switch::new(), TempDir::new().expect("a scratch folder"));
    left_by_a_store_before(&kv, home.path()).await;
    kv.off();
    let limit = Duration::from_millis(2);
    let start = builder(&kv, home.path()).start_from_disk(true).connect_timeout(limit).connect().await;
    let StartError::Unreachable { state, .. } = start.expect_err("neither answers") else {
        panic!("another")
    };
    assert!(matches!(state, Some(StateError::Slow { .. })), "{state:?}");
}
