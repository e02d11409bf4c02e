//! Watches over prefixes on a real etcd: streams, rights, links that fail, stores that come back as others.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends, saying why")]

#[path = "live_prefixes/silent.rs"]
mod silent;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use aldis_etcd::kv::etcd::{EtcdConnector, EtcdKv, EtcdOptions};
use aldis_etcd::kv::{
    CursorLoss, Key, KvBatch, KvChange, KvError, KvTransact, KvTtl, KvUpdate, KvWatcher, KvWriter,
    WatchCursor,
};
use rig::etcd::{Etcd, Version};
use rig::link::Link;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinHandle;

const PATIENCE: Duration = Duration::from_secs(30);

type Ended = JoinHandle<Result<(), KvError>>;

fn follow<K: KvWatcher + 'static>(
    kv: &Arc<K>,
    prefixes: &[&str],
    cursor: WatchCursor,
    capacity: usize,
) -> (Receiver<KvBatch>, Ended) {
    let (tx, batches) = mpsc::channel(capacity);
    let (kv, prefixes) = (Arc::clone(kv), prefixes.iter().copied().map(Key::from).collect::<Vec<_>>());
    (batches, tokio::spawn(async move { kv.watch_prefixes_from(&prefixes, &cursor, tx).await }))
}

async fn next(batches: &mut Receiver<KvBatch>) -> KvBatch {
    tokio::time::timeout(PATIENCE, batches.recv()).await.expect("in time").expect("the watch goes on")
}

async fn end(ended: Ended) -> Result<(), KvError> {
    tokio::time::timeout(PATIENCE, ended).await.expect("in time").expect("no panic")
}

/// A figure that etcd tells of itself.
fn metric(etcd: &Etcd, name: &str) -> String {
    let mut stream = TcpStream::connect(etcd.address()).expect("connected");
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("asked");
    let mut metrics = String::new();
    stream.read_to_string(&mut metrics).expect("answered");
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("etcd tells no {name}")).to_owned()
}

fn orders_progress(version: &Version) -> bool {
    version.number() >= [3, 5, 8].as_slice()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_prefixes_are_one_stream_which_ends_with_the_receiver() {
    const STREAMS: &str = "etcd_debugging_mvcc_watch_stream_total";
    const WATCHERS: &str = "etcd_debugging_mvcc_watcher_total";
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        let connector = EtcdConnector::new(&EtcdOptions::new([etcd.endpoint()])).expect("options");
        let kv = Arc::new(connector.open(0).await.expect("etcd answers"));
        let prefixes: Vec<_> = (0..300).map(|number| format!("many/{number:03}/")).collect();
        let prefixes: Vec<_> = prefixes.iter().map(String::as_str).collect();
        let (mut batches, ended) = follow(&kv, &prefixes, WatchCursor::none(), 16);
        assert_eq!(next(&mut batches).await.updates, [], "{version}");
        for (some, value) in prefixes.chunks(100).zip(["0", "1", "2"]) {
            let puts: Vec<_> = some.iter().map(|prefix| KvChange::put(*prefix, value)).collect();
            kv.transact(&[], &puts).await.expect("put");
            let keys: Vec<_> = next(&mut batches).await.updates.iter().map(|put| put.key().clone()).collect();
            assert_eq!(keys, some.iter().map(|prefix| Key::from(*prefix)).collect::<Vec<_>>(), "{version}");
        }
        let watchers = if orders_progress(&version) { "300" } else { "1" };
        assert_eq!((metric(&etcd, STREAMS).as_str(), metric(&etcd, WATCHERS).as_str()), ("1", watchers));
        drop(batches);
        assert_eq!(end(ended).await, Ok(()));
        let none = || (metric(&etcd, STREAMS), metric(&etcd, WATCHERS)) == ("0".to_owned(), "0".to_owned());
        rig::eventually("the server forgets the watch", PATIENCE, none).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_to_the_prefixes_are_enough_where_progress_is_ordered_and_else_it_is_denied() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).root_password("hunter2").start();
        for step in [
            &["role", "add", "some"][..],
            &["role", "grant-permission", "some", "readwrite", "--prefix", "a/"],
            &["role", "grant-permission", "some", "readwrite", "--prefix", "c/"],
            &["user", "add", "somebody:swordfish"],
            &["user", "grant-role", "somebody", "some"],
        ] {
            etcd.etcdctl(step);
        }
        let options = EtcdOptions::new([etcd.endpoint()]).credentials("somebody", "swordfish");
        let kv = Arc::new(EtcdKv::connect(&options).await.expect("known"));
        let (mut batches, ended) = follow(&kv, &["c/", "a/"], WatchCursor::none(), 16);
        let first = next(&mut batches).await;
        match orders_progress(&version) {
            true => {
                kv.transact(&[], &[KvChange::put("c/1", "1"), KvChange::put("a/1", "1")]).await.expect("put");
                assert_eq!(next(&mut batches).await.updates.len(), 2, "{version}");
                drop(batches);
                assert_eq!(end(ended).await, Ok(()));
            }
            false => assert!(matches!(end(ended).await, Err(KvError::Denied { operation: "watch", .. }))),
        }
        for cursor in [WatchCursor::none(), first.cursor] {
            let ended = end(follow(&kv, &["a/", "b/"], cursor, 16).1).await;
            assert!(matches!(ended, Err(KvError::Denied { .. })), "{version}: {ended:?}");
        }
        let lease = kv.grant(Duration::from_secs(60)).await.expect("granted").id;
        let put = |key: &str| [KvChange::put_under(key, "1", lease)];
        kv.transact(&[], &put("a/2")).await.expect("permitted");
        let denied = kv.transact(&[], &put("b/2")).await;
        assert!(
            matches!(denied, Err(KvError::Denied { operation: "transact", .. })),
            "{version}: {denied:?}"
        );
        assert_eq!(kv.keep_alive(lease).await, Ok(Duration::from_secs(60)), "{version}");
        assert_eq!(kv.revoke(lease).await, Ok(()), "{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_falls_behind_a_compaction_is_told_and_begins_anew() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).argument("--quota-backend-bytes=2147483648").start();
        let connector = EtcdConnector::new(&EtcdOptions::new([etcd.endpoint()])).expect("options");
        let kv = Arc::new(connector.open(0).await.expect("etcd answers"));
        let (mut batches, ended) = follow(&kv, &["behind/a", "behind/b"], WatchCursor::none(), 1);
        // More than fits into the queues on the way: etcd's own holds 128 responses.
        let values = [vec![b'x'; 100_000], vec![b'y'; 100_000]];
        for number in 0..400_u16 {
            let keys = [format!("behind/a{}", number % 7), format!("behind/b{}", number % 5)];
            let puts: Vec<_> = keys
                .iter()
                .zip(&values)
                .map(|(key, value)| KvChange::put(key.as_str(), value.clone()))
                .collect();
            kv.transact(&[], &puts).await.expect("put");
        }
        etcd.compact();
        let mut last = WatchCursor::none();
        while let Some(batch) = batches.recv().await {
            assert!(batch.updates.len() % 2 == 0, "{version}: torn");
            last = batch.cursor;
        }
        let ended = end(ended).await;
        let compacted = |ended: &Result<(), KvError>| {
            matches!(ended, Err(KvError::CursorExpired { cause: CursorLoss::Compacted { .. } }))
        };
        assert!(compacted(&ended), "{version}: {ended:?}");
        let ended = end(follow(&kv, &["behind/"], last, 1).1).await;
        assert!(compacted(&ended), "{version}: {ended:?}");
        let (mut batches, _) = follow(&kv, &["behind/a", "behind/b"], WatchCursor::none(), 1);
        assert_eq!(next(&mut batches).await.updates.len(), 12, "{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_whose_link_is_cut_ends_and_goes_on_elsewhere_from_its_cursor() {
    let etcd = Etcd::start();
    let link = Link::to(etcd.address());
    let kv =
        Arc::new(EtcdKv::connect(&EtcdOptions::new([link.endpoint(), etcd.endpoint()])).await.expect("etcd"));
    let (mut batches, ended) = follow(&kv, &["a/", "b/"], WatchCursor::none(), 16);
    let first = next(&mut batches).await;
    link.cut();
    assert!(matches!(end(ended).await, Err(KvError::Failed { operation: "watch", .. })));
    etcd.transaction(&[("b/1", "1"), ("a/1", "1")]);
    let (mut batches, _) = follow(&kv, &["a/", "b/"], first.cursor, 16);
    assert_eq!(next(&mut batches).await.updates.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_a_store_that_was_wiped_or_restored_or_replaced_is_known() {
    let mut etcd = Etcd::start();
    let options = EtcdOptions::new([etcd.endpoint()]);
    let kv = Arc::new(EtcdKv::connect(&options).await.expect("etcd"));
    kv.put(&"a/1".into(), b"1").await.expect("put");
    let snapshot = etcd.snapshot();
    kv.put(&"a/2".into(), b"2").await.expect("put");
    let (mut batches, ended) = follow(&kv, &["a/"], WatchCursor::none(), 16);
    let cursor = next(&mut batches).await.cursor;
    etcd.restore(&snapshot);
    assert!(end(ended).await.is_err(), "the server was gone");
    assert_loss(&options, cursor).await;
    etcd.wipe_and_restart();
    assert_loss(&options, cursor).await;
    etcd.rename_cluster("another");
    assert_loss(&options, cursor).await;
}

/// The watch ends at once and says why, instead of being silent.
async fn assert_loss(options: &EtcdOptions, cursor: WatchCursor) {
    let kv = Arc::new(EtcdKv::connect(options).await.expect("etcd"));
    for prefixes in [&["a/"][..], &["a/", "b/"]] {
        let ended = end(follow(&kv, prefixes, cursor, 16).1).await;
        let Err(KvError::CursorExpired { cause }) = ended else { panic!("{ended:?}") };
        assert!(matches!(cause, CursorLoss::Restored { .. } | CursorLoss::OtherCluster), "{cause}");
    }
    let (mut batches, _) = follow(&kv, &["a/"], WatchCursor::none(), 16);
    let present = next(&mut batches).await.updates;
    assert!(
        present.iter().all(|update| matches!(update, KvUpdate::Put(_))) && present.len() < 2,
        "{present:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_with_a_ttl_that_fails_leaves_no_lease_behind() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        let kv = EtcdKv::connect(&EtcdOptions::new([etcd.endpoint()])).await.expect("etcd answers");
        let minute = Duration::from_secs(60);
        let refused = kv.put_with_ttl(&"a".into(), &vec![0; 2_000_000], minute).await;
        assert!(matches!(refused, Err(KvError::TooLarge { .. })), "{version}: {refused:?}");
        assert!(etcd.etcdctl(&["lease", "list"]).starts_with("found 0 leases"), "{version}");
        kv.put_with_ttl(&"a".into(), b"1", minute).await.expect("put");
        assert!(etcd.etcdctl(&["lease", "list"]).starts_with("found 1 leases"), "{version}");
    }
}
