//! The store over the embedded backend, with backends and sinks that misbehave, in virtual time.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends, saying why")]

#[path = "watch_store/faulty.rs"]
mod faulty;
#[path = "watch_store/panicky.rs"]
mod panicky;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{Connect, KvChange, KvWriter, Revision};
use aldis_etcd::{
    Change, Changes, Decision, DirectiveStore, EtcdDirectiveStore, Request, Sink, SinkError, Snapshot, State,
};
use rig::eventually;

use self::faulty::{Fault, Faulty};
use self::panicky::Panicky;

const KEY: &str = "aldis/directives";

/// Virtual.
const PATIENCE: Duration = Duration::from_secs(200);

async fn over(connect: Arc<dyn Connect>) -> EtcdDirectiveStore {
    EtcdDirectiveStore::over(connect).scope(KEY).connect().await.expect("memory answers")
}

fn document(id: &str) -> Vec<u8> {
    format!(r#"{{"directives":[{{"id":"{id}","level":"Shape","ttl_secs":600,"tenant":"{id}"}}]}}"#)
        .into_bytes()
}

async fn put(kv: &MemoryKv, id: &str) {
    kv.put(&KEY.into(), &document(id)).await.expect("put");
}

fn ids(store: &EtcdDirectiveStore) -> String {
    store.load().iter().map(|directive| directive.id.into_owned()).collect::<Vec<_>>().join(" ")
}

async fn shows(store: &EtcdDirectiveStore, expected: &str) {
    eventually(&format!("the store shows {expected:?}"), PATIENCE, || ids(store) == expected).await;
}

async fn next(changes: &mut Changes) -> Change {
    tokio::time::timeout(PATIENCE, changes.next()).await.expect("in time").expect("the store lives")
}

#[tokio::test(start_paused = true)]
async fn changes_start_where_the_status_stands() {
    let kv = MemoryKv::new();
    let store = over(Arc::new(kv.clone())).await;
    eventually("it is live", PATIENCE, || store.status().state == State::Live).await;
    put(&kv, "one").await;
    shows(&store, "one").await;
    let mut changes = store.changes();
    assert_eq!(changes.status(), &store.status());
    assert_eq!(changes.status().revision, Some(Revision::new(2)));
    kv.put(&KEY.into(), b"{").await.expect("put");
    kv.delete(&KEY.into()).await.expect("delete");
    assert!(
        matches!(next(&mut changes).await, Change::Refused { refusal, .. } if refusal.revision == Revision::new(3))
    );
    let cleared = next(&mut changes).await;
    assert!(
        matches!(cleared, Change::Applied { revision, directives: 0, .. } if revision == Revision::new(4))
    );
    assert_eq!((ids(&store).as_str(), store.status().refused.len()), ("", 0));
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_is_too_slow_is_told_and_can_start_over() {
    let kv = MemoryKv::new();
    let store = over(Arc::new(kv.clone())).await;
    let mut changes = store.changes();
    for number in 0..2_000 {
        put(&kv, &number.to_string()).await;
        // For the store, so that each makes a snapshot.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    shows(&store, "1999").await;
    assert!(matches!(next(&mut changes).await, Change::Missed { count } if count >= 900));
    let status = changes.resync().expect("the store lives").clone();
    assert_eq!(status.revision, Some(Revision::new(2_001)));
    put(&kv, "last").await;
    assert!(
        matches!(next(&mut changes).await, Change::Applied { revision, .. } if revision == Revision::new(2_002))
    );
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_panic_costs_one_reconnect_and_is_counted() {
    for fault in [Fault::PanicInList, Fault::PanicInWatch, Fault::PanicInNext] {
        let kv = MemoryKv::new();
        put(&kv, "one").await;
        let faulty = Faulty::over(&kv);
        let store = over(Arc::new(faulty.clone())).await;
        faulty.set(fault);
        kv.cut_watches();
        put(&kv, "two").await;
        shows(&store, "two").await;
        eventually("the panic is counted", PATIENCE, || store.status().panics == 1).await;
        put(&kv, "three").await;
        shows(&store, "three").await;
        eventually("it is live", PATIENCE, || store.status().state == State::Live).await;
    }
}

/// Tracing and metrics are code of the application's, and run in the store's task.
#[tokio::test(start_paused = true)]
async fn a_subscriber_that_panics_keeps_nothing_from_the_readers() {
    let at = ["exit aldis_verify", "a verifying read found a difference", "applied", "stale", "live"];
    for place in at {
        let panicky = Panicky::at(place);
        let _subscribed = tracing::subscriber::set_default(panicky.clone());
        let kv = MemoryKv::new();
        put(&kv, "one").await;
        let faulty = Faulty::over(&kv);
        let store = over(Arc::new(faulty.clone())).await;
        eventually("it is live", PATIENCE, || store.status().state == State::Live).await;
        panicky.arm();
        faulty.set(Fault::LoseEvents);
        put(&kv, "two").await;
        shows(&store, "two").await;
        kv.cut_watches();
        eventually("it notices", PATIENCE, || store.status().state != State::Live).await;
        put(&kv, "three").await;
        shows(&store, "three").await;
        eventually("it is live again", PATIENCE, || store.status().state == State::Live).await;
        assert!(panicky.has_panicked(), "at {place:?}");
        assert_eq!((store.status().panics, store.status().revision), (1, Some(Revision::new(4))), "{place}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_never_answered_is_given_up() {
    for fault in
        [Fault::SilentConnect, Fault::SilentHead, Fault::SilentList, Fault::SilentWatch, Fault::SilentNext]
    {
        let kv = MemoryKv::new();
        put(&kv, "one").await;
        let faulty = Faulty::over(&kv);
        let store = over(Arc::new(faulty.clone())).await;
        faulty.set(fault);
        kv.cut_watches();
        put(&kv, "three").await;
        shows(&store, "three").await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_watch_loses_is_found_and_repaired_by_a_read() {
    let kv = MemoryKv::new();
    put(&kv, "one").await;
    let faulty = Faulty::over(&kv);
    let store = over(Arc::new(faulty.clone())).await;
    eventually("it is live", PATIENCE, || store.status().state == State::Live).await;
    let began = tokio::time::Instant::now();
    faulty.set(Fault::LoseEvents);
    put(&kv, "two").await;
    shows(&store, "two").await;
    assert!(began.elapsed() <= Duration::from_secs(80), "{:?}", began.elapsed());
    let status = store.status();
    assert_eq!((status.repairs, status.reconnects), (1, 0));
    put(&kv, "three").await;
    shows(&store, "three").await;
}

/// A sink that takes nothing: it fails once, then panics.
#[derive(Default)]
struct Broken(AtomicUsize);

impl Sink for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn apply(&self, _: &Arc<Snapshot>) -> Result<(), SinkError> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => Err(SinkError::new("no")),
            _ => panic!("no"),
        }
    }
}

/// A sink that counts.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Sink for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }

    fn apply(&self, _: &Arc<Snapshot>) -> Result<(), SinkError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_sink_is_counted_and_does_not_keep_snapshots_from_the_others() {
    let kv = MemoryKv::new();
    let counting = Arc::new(Counting::default());
    let sink: Arc<dyn Sink> = Arc::<Counting>::clone(&counting);
    let builder = EtcdDirectiveStore::over(Arc::new(kv.clone())).scope(KEY);
    let store = builder.sink(Arc::new(Broken::default())).sink(sink).connect().await.expect("memory answers");
    put(&kv, "one").await;
    shows(&store, "one").await;
    eventually("both were handed on", PATIENCE, || counting.0.load(Ordering::Relaxed) == 2).await;
    eventually("both were counted", PATIENCE, || store.status().sink_failures == 2).await;
    assert_eq!((store.status().panics, store.status().reconnects), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_ends_the_task() {
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    let store = over(Arc::new(MemoryKv::new())).await;
    let (status, mut changes) = (store.status(), store.changes());
    assert_eq!((status.state, alive()), (State::Live, before + 1));
    drop(store);
    eventually("the task ends", Duration::from_secs(5), || alive() == before).await;
    while changes.next().await.is_some() {}
}

#[tokio::test(start_paused = true)]
async fn a_read_allocates_nothing() {
    let kv = MemoryKv::new();
    put(&kv, "acme").await;
    let store = over(Arc::new(kv.clone())).await;
    let mut reader = store.reader();
    let request = Request { tenant: Some("acme"), ..Request::EMPTY };
    let info = allocation_counter::measure(|| {
        for _ in 0..1_000 {
            assert_ne!(reader.decide(&request), Decision::OFF);
            assert_eq!((reader.load().len(), reader.snapshot().revision), (1, Revision::new(2)));
        }
    });
    assert_eq!(info.count_total, 0);
}

#[tokio::test(start_paused = true)]
async fn a_prefix_is_merged_and_a_transaction_is_one_snapshot() {
    let kv = MemoryKv::new();
    let store =
        EtcdDirectiveStore::over(Arc::new(kv.clone())).scope("p/").connect().await.expect("memory answers");
    let mut changes = store.changes();
    let puts = ["b", "a", "c"].map(|name| KvChange::put(format!("p/{name}").as_str(), document(name)));
    kv.transaction(puts);
    assert!(matches!(next(&mut changes).await, Change::Applied { directives: 3, .. }));
    assert_eq!(ids(&store), "a b c");
    kv.transaction([KvChange::Delete("p/a".into()), KvChange::put("p/b", b"malformed".to_vec())]);
    assert!(matches!(next(&mut changes).await, Change::Applied { directives: 2, .. }));
    assert_eq!(ids(&store), "b c");
}
