mod leases;

use std::time::Duration;

use super::*;
use crate::kv::{Key, KvTransact, KvTtl, KvUpdate, KvWriter, LeaseId, WatchMessage};

const KEY: &str = "aldis/directives";

async fn watch_from(store: &MemoryKv, scope: &str, from: u64) -> Box<dyn KvWatch> {
    let mut watch = store.watch(&Scope::parse(scope), Revision::new(from)).await.expect("watch");
    assert!(matches!(next(&mut watch).await, Some(WatchMessage::Created(_))));
    watch
}

async fn next(watch: &mut Box<dyn KvWatch>) -> Option<WatchMessage> {
    tokio::time::timeout(Duration::from_secs(5), watch.next()).await.expect("in time").expect("no error")
}

async fn is_silent(watch: &mut Box<dyn KvWatch>) -> bool {
    tokio::time::timeout(Duration::from_millis(50), watch.next()).await.is_err()
}

fn events(message: Option<WatchMessage>) -> Vec<(String, u64, bool)> {
    let Some(WatchMessage::Events(header, events)) = message else { panic!("no events: {message:?}") };
    assert_eq!(events.last().map(KvUpdate::mod_revision), Some(header.revision));
    let describe = |event: &KvUpdate| {
        (event.key().to_string(), event.mod_revision().as_u64(), matches!(event, KvUpdate::Put(_)))
    };
    events.iter().map(describe).collect()
}

#[tokio::test]
async fn a_list_and_a_watch_from_behind_it_miss_nothing() {
    let store = MemoryKv::new();
    store.put(&KEY.into(), b"1").await.expect("put");
    let listing = store.list(&Scope::parse(KEY)).await.expect("list");
    assert_eq!(listing.header.revision, Revision::new(2));
    assert_eq!(listing.entries.first().map(|entry| entry.mod_revision), Some(Revision::new(2)));
    store.put(&KEY.into(), b"2").await.expect("put");
    let mut watch = watch_from(&store, KEY, 3).await;
    store.delete(&KEY.into()).await.expect("delete");
    let both = [(KEY.to_owned(), 3, true), (KEY.to_owned(), 4, false)];
    assert_eq!(events(next(&mut watch).await), both);
}

#[tokio::test]
async fn a_transaction_is_one_revision_and_one_message() {
    let store = MemoryKv::new();
    let mut watch = watch_from(&store, "a/", 2).await;
    let put = |key: &str| KvChange::put(key, b"x".to_vec());
    let revision = store.transaction([put("a/1"), put("b"), put("a/2"), KvChange::Delete("a/0".into())]);
    assert_eq!(revision, Revision::new(2));
    assert_eq!(events(next(&mut watch).await), [("a/1".to_owned(), 2, true), ("a/2".to_owned(), 2, true)]);
    assert_eq!(store.transaction([KvChange::Delete("a/0".into())]), revision, "nothing happened");
}

#[tokio::test]
async fn a_watch_from_the_future_is_created_and_silent_until_then() {
    let store = MemoryKv::new();
    let mut watch = watch_from(&store, KEY, 4).await;
    watch.request_progress().await.expect("request");
    assert!(is_silent(&mut watch).await);
    store.put(&KEY.into(), b"2").await.expect("put");
    store.put(&KEY.into(), b"3").await.expect("put");
    assert!(is_silent(&mut watch).await);
    store.put(&KEY.into(), b"4").await.expect("put");
    assert_eq!(events(next(&mut watch).await), [(KEY.to_owned(), 4, true)]);
}

#[tokio::test]
async fn a_compacted_start_is_created_then_cancelled_and_the_stream_stays_open() {
    let store = MemoryKv::new();
    for value in ["2", "3", "4"] {
        store.put(&KEY.into(), value.as_bytes()).await.expect("put");
    }
    store.compact(Revision::new(3)).expect("compact");
    let mut kept = watch_from(&store, KEY, 4).await;
    assert_eq!(events(next(&mut kept).await).len(), 1);
    let mut gone = watch_from(&store, KEY, 3).await;
    let canceled = next(&mut gone).await;
    let Some(WatchMessage::Canceled { compacted, reason, .. }) = canceled else { panic!("{canceled:?}") };
    assert_eq!((compacted, reason.as_str()), (Some(Revision::new(3)), ""));
    store.put(&KEY.into(), b"5").await.expect("put");
    assert!(is_silent(&mut gone).await);
}

#[tokio::test]
async fn a_watcher_that_falls_behind_a_compaction_is_cancelled() {
    let store = MemoryKv::new();
    let mut watch = watch_from(&store, KEY, 2).await;
    for value in ["2", "3", "4"] {
        store.put(&KEY.into(), value.as_bytes()).await.expect("put");
    }
    store.compact(Revision::new(4)).expect("compact");
    assert!(matches!(next(&mut watch).await, Some(WatchMessage::Canceled { .. })));
}

#[tokio::test]
async fn compaction_goes_forward_only_and_never_ahead() {
    let store = MemoryKv::new();
    store.put(&KEY.into(), b"2").await.expect("put");
    assert!(store.compact(Revision::new(3)).is_err());
    store.compact(Revision::new(2)).expect("compact");
    assert_eq!(store.compact(Revision::new(2)), Err(KvError::Compacted { oldest: Revision::new(2) }));
}

#[tokio::test]
async fn progress_comes_after_what_it_confirms() {
    let store = MemoryKv::new();
    let mut watch = watch_from(&store, KEY, 2).await;
    store.put(&KEY.into(), b"2").await.expect("put");
    watch.request_progress().await.expect("request");
    assert_eq!(events(next(&mut watch).await).len(), 1);
    let progress = next(&mut watch).await;
    assert!(matches!(progress, Some(WatchMessage::Progress(header)) if header.revision == Revision::new(2)));
}

#[tokio::test]
async fn a_long_history_of_other_keys_neither_hides_a_change_nor_is_confirmed_before_it() {
    for asks in [false, true] {
        let store = MemoryKv::new();
        for _ in 0..2_500 {
            store.transaction([KvChange::put("other", "x")]);
        }
        let revision = store.transaction([KvChange::put(KEY, "1")]);
        let mut watch = watch_from(&store, KEY, 2).await;
        if asks {
            watch.request_progress().await.expect("asked");
        }
        assert_eq!(events(next(&mut watch).await), [(KEY.to_owned(), revision.as_u64(), true)]);
    }
}

#[tokio::test]
async fn watches_end_when_they_are_cut_and_when_the_store_is_wiped() {
    let store = MemoryKv::new();
    let mut watch = watch_from(&store, KEY, 2).await;
    store.cut_watches();
    assert_eq!(next(&mut watch).await, None);
    let mut watch = watch_from(&store, KEY, 2).await;
    store.put(&KEY.into(), b"2").await.expect("put");
    store.wipe();
    assert_eq!(next(&mut watch).await, None);
    assert_eq!(store.revision(), Revision::new(1));
}

#[tokio::test]
async fn values_end_where_etcd_ends_and_history_is_bounded() {
    let store = MemoryKv::new();
    let key = Key::from(KEY);
    let error = store.put(&key, &vec![0; MAX_REQUEST_BYTES]).await.expect_err("too large");
    let KvError::TooLarge { limit, .. } = error else { panic!("{error}") };
    assert!(store.put(&key, &vec![0; limit]).await.is_ok());
    assert!(matches!(store.put(&key, &vec![0; limit + 1]).await, Err(KvError::TooLarge { .. })));
    for _ in 0..10_001 {
        store.put(&key, b"x").await.expect("put");
    }
    let mut watch = watch_from(&store, KEY, 2).await;
    assert!(matches!(next(&mut watch).await, Some(WatchMessage::Canceled { .. })));
}

#[tokio::test]
async fn history_is_bounded_in_bytes_too_and_its_latest_stays_however_large() {
    let store = MemoryKv::new();
    for _ in 0..70 {
        store.transaction([KvChange::put(KEY, vec![0; 1 << 20])]);
    }
    let revision = store.revision().as_u64();
    let mut watch = watch_from(&store, KEY, revision - 65).await;
    assert!(matches!(next(&mut watch).await, Some(WatchMessage::Canceled { .. })));
    let mut watch = watch_from(&store, KEY, revision - 60).await;
    assert_eq!(events(next(&mut watch).await).len(), 61);
    store.transaction([KvChange::put(KEY, vec![0; 65 << 20]), KvChange::put("other", "x")]);
    assert_eq!(events(next(&mut watch).await).len(), 1);
}
