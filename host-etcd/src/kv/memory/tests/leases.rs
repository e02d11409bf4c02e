use super::*;

const TTL: Duration = Duration::from_secs(10);

async fn put_under(store: &MemoryKv, lease: LeaseId, keys: &[&str]) {
    let puts: Vec<_> = keys.iter().map(|key| KvChange::put_under(*key, "x", lease)).collect();
    store.transact(&[], &puts).await.expect("put");
}

async fn keys(store: &MemoryKv) -> Vec<String> {
    let listing = store.list(&Scope::Prefix("".into())).await.expect("list");
    listing.entries.iter().map(|entry| entry.key.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_keys_of_a_lease_go_with_it_in_one_transaction() {
    let store = MemoryKv::new();
    let lease = store.grant(Duration::from_millis(9_001)).await.expect("granted");
    assert_eq!(lease.ttl, TTL);
    let mut watch = watch_from(&store, "a/", 3).await;
    put_under(&store, lease.id, &["a/1", "a/2", "b"]).await;
    tokio::time::sleep(Duration::from_millis(9_999)).await;
    assert_eq!(keys(&store).await, ["a/1", "a/2", "b"]);
    // The clock of the test goes to where the watch wakes by itself.
    let gone = [("a/1".to_owned(), 3, false), ("a/2".to_owned(), 3, false)];
    let started = Instant::now();
    assert_eq!(events(watch.next().await.expect("no error")), gone);
    assert!(started.elapsed() < Duration::from_millis(10), "{:?}", started.elapsed());
    assert!(keys(&store).await.is_empty());
    assert_eq!(store.keep_alive(lease.id).await, Err(KvError::LeaseExpired));
    let put = store.transact(&[], &[KvChange::put_under("a/1", "x", lease.id)]).await;
    assert_eq!(put, Err(KvError::LeaseExpired));
    assert_eq!(store.revision(), Revision::new(3));
}

#[tokio::test(start_paused = true)]
async fn a_lease_lives_from_its_last_renewal() {
    let store = MemoryKv::new();
    let lease = store.grant(TTL).await.expect("granted").id;
    put_under(&store, lease, &["a"]).await;
    for _ in 0..5 {
        tokio::time::sleep(TTL - Duration::from_secs(1)).await;
        assert_eq!(store.keep_alive(lease).await, Ok(TTL));
    }
    tokio::time::sleep(TTL).await;
    assert!(keys(&store).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_key_goes_with_its_last_lease_only() {
    let store = MemoryKv::new();
    let short = store.grant(TTL).await.expect("granted").id;
    let long = store.grant(TTL * 2).await.expect("granted").id;
    put_under(&store, short, &["freed", "moved", "deleted", "left"]).await;
    store.put(&"freed".into(), b"x").await.expect("put");
    put_under(&store, long, &["moved"]).await;
    store.delete(&"deleted".into()).await.expect("delete");
    store.put(&"deleted".into(), b"x").await.expect("put");
    tokio::time::sleep(TTL).await;
    assert_eq!(keys(&store).await, ["deleted", "freed", "moved"]);
    tokio::time::sleep(TTL).await;
    assert_eq!(keys(&store).await, ["deleted", "freed"]);
}

#[tokio::test(start_paused = true)]
async fn each_lease_ends_in_a_transaction_of_its_own_the_oldest_first() {
    let store = MemoryKv::new();
    let long = store.grant(TTL * 2).await.expect("granted").id;
    let short = store.grant(TTL).await.expect("granted").id;
    put_under(&store, long, &["a"]).await;
    put_under(&store, short, &["b"]).await;
    tokio::time::sleep(TTL * 3).await;
    let scope = Scope::Prefix("".into());
    let mut all = store.watch(&scope, Revision::new(4)).await.expect("watch");
    assert!(matches!(next(&mut all).await, Some(WatchMessage::Created(_))));
    assert_eq!(events(next(&mut all).await), [("b".to_owned(), 4, false), ("a".to_owned(), 5, false)]);
}

#[tokio::test]
async fn revoking_takes_the_keys_at_once_and_twice_is_no_error() {
    let store = MemoryKv::new();
    let lease = store.grant(TTL).await.expect("granted").id;
    put_under(&store, lease, &["a", "b"]).await;
    for _ in 0..2 {
        assert_eq!(store.revoke(lease).await, Ok(()));
        assert_eq!((keys(&store).await.len(), store.revision()), (0, Revision::new(3)));
    }
    let after_wipe = MemoryKv::new();
    let first = after_wipe.grant(TTL).await.expect("granted").id;
    after_wipe.wipe();
    let second = after_wipe.grant(TTL).await.expect("granted").id;
    assert_ne!(first, second, "whoever renews the first must not keep the second alive");
    assert_eq!(after_wipe.keep_alive(first).await, Err(KvError::LeaseExpired));
}

#[tokio::test]
async fn a_failed_put_with_ttl_leaves_no_lease() {
    let store = MemoryKv::new();
    let refused = store.put_with_ttl(&"".into(), b"x", TTL).await;
    assert_eq!(refused, Err(KvError::EmptyKey));
    assert_eq!(store.shared.lock().next_end(), None);
    let too_long = store.put_with_ttl(&"a".into(), b"x", Duration::MAX).await;
    assert!(matches!(too_long, Err(KvError::TtlTooLong { .. })));
    let version = store.put_with_ttl(&"a".into(), b"x", TTL).await.expect("put");
    assert_eq!(version.revision(), Some(store.revision()));
    assert!(store.grant(crate::kv::MAX_LEASE_TTL).await.is_ok());
}
