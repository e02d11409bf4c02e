//! The embedded backend behaves as etcd does: one story, told to both, must read the same.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends, saying why")]

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use aldis_etcd::kv::etcd::{EtcdConnection, EtcdConnector, EtcdOptions};
use aldis_etcd::kv::memory::{Change, MemoryKv};
use aldis_etcd::kv::{
    Key, KvError, KvReader, KvSource, KvUpdate, KvWatch, KvWriter, Revision, Scope, WatchMessage,
};
use rig::etcd::Etcd;

/// What both backends offer, and by what means the test does what only an operator does.
trait Backend: KvSource + KvReader + KvWriter {}
impl<T: KvSource + KvReader + KvWriter> Backend for T {}

type PutAll = Box<dyn Fn(&[(&str, &str)])>;

struct Subject {
    kv: Arc<dyn Backend>,
    put_all: PutAll,
    compact: Box<dyn Fn()>,
}

#[tokio::test]
async fn memory_and_every_etcd_tell_the_same_story() {
    let memory = story(&memory()).await;
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        assert_eq!(memory, story(&real(etcd).await).await, "etcd {version} (right) differs");
    }
}

fn memory() -> Subject {
    let store = MemoryKv::new();
    let (writer, operator) = (store.clone(), store.clone());
    Subject {
        kv: Arc::new(store),
        put_all: Box::new(move |puts| {
            let change = |(key, value): &(&str, &str)| Change::Put((*key).into(), value.as_bytes().to_vec());
            writer.transaction(puts.iter().map(change));
        }),
        compact: Box::new(move || operator.compact(operator.revision()).expect("compacted")),
    }
}

async fn real(etcd: Etcd) -> Subject {
    let etcd = Arc::new(etcd);
    let connection: EtcdConnection = EtcdConnector::new(&EtcdOptions::new([etcd.endpoint()]))
        .expect("options")
        .open(0)
        .await
        .expect("etcd");
    let operator = Arc::clone(&etcd);
    Subject {
        kv: Arc::new(connection),
        put_all: Box::new(move |puts| etcd.transaction(puts)),
        compact: Box::new(move || operator.compact()),
    }
}

/// Everything that a client can see, as text; revisions of a fresh store are the same everywhere.
async fn story(subject: &Subject) -> String {
    let mut told = String::new();
    reads_and_writes(subject, &mut told).await;
    watches(subject, &mut told).await;
    compaction(subject, &mut told).await;
    told
}

async fn reads_and_writes(subject: &Subject, told: &mut String) {
    let kv = &subject.kv;
    let scope = Scope::parse("a/");
    tell(told, "head", kv.head(&scope).await.map(|header| header.revision));
    for key in ["a/1", "a/2", "b", "a", "a/1"] {
        tell(told, key, kv.put(&key.into(), key.as_bytes()).await);
    }
    for scope in ["a/", "a", "none", "none/"] {
        let listing = kv.list(&Scope::parse(scope)).await.expect("list");
        tell(told, scope, (listing.header.revision, listing.entries));
    }
    let (header, entry) = kv.get(&"b".into()).await.expect("get");
    tell(told, "get", (header.revision, entry));
    tell(told, "get nothing", kv.get(&"none".into()).await.map(|(_, entry)| entry));
    tell(told, "delete", kv.delete(&"b".into()).await);
    tell(told, "delete nothing", kv.delete(&"b".into()).await);
    let key = Key::from("a/1");
    for (at, expected) in [(&key, 0), (&key, 5), (&key, 6), (&key, 6), (&"new".into(), 3), (&"new".into(), 0)]
    {
        tell(told, "update", kv.update(at, b"{}", &Revision::new(expected).into()).await);
    }
    let too_large = kv.put(&key, &vec![0; 1_600_000]).await;
    tell(told, "too large", matches!(too_large, Err(KvError::TooLarge { .. })));
    tell(told, "head", kv.head(&scope).await.map(|header| header.revision));
}

async fn watches(subject: &Subject, told: &mut String) {
    let kv = &subject.kv;
    let start = kv.head(&Scope::parse("a/")).await.expect("head").revision;
    let mut watch = kv.watch(&Scope::parse("a/"), start.next()).await.expect("watch");
    tell(told, "created", next(&mut watch).await);
    tell(told, "progress on a quiet store", progress(&mut watch).await);
    kv.put(&"a/3".into(), b"3").await.expect("put");
    tell(told, "put", next_but_progress(&mut watch).await);
    (subject.put_all)(&[("a/4", "4"), ("b", "b"), ("a/5", "5")]);
    tell(told, "transaction", next(&mut watch).await);
    kv.delete(&"b".into()).await.expect("delete");
    kv.delete(&"a/4".into()).await.expect("delete");
    tell(told, "delete", next(&mut watch).await);
    tell(told, "then", is_silent(&mut watch).await);
    tell(told, "from the start", catch_up(subject, "a/", 2, 8).await);
    tell(told, "one key", catch_up(subject, "a/1", 3, 2).await);
    let mut future = kv.watch(&Scope::parse("a/"), Revision::new(1000)).await.expect("watch");
    tell(told, "future", next(&mut future).await);
    kv.put(&"a/6".into(), b"6").await.expect("put");
    tell(told, "future", is_silent(&mut future).await);
    tell(told, "beside", next(&mut watch).await);
}

async fn compaction(subject: &Subject, told: &mut String) {
    (subject.compact)();
    let head = subject.kv.head(&Scope::parse("a/")).await.expect("head").revision;
    let put = subject.kv.put(&"a/7".into(), b"7").await;
    tell(told, "put", put);
    tell(told, "behind it", catch_up(subject, "a/", head.next().as_u64(), 1).await);
    let before = Revision::new(head.as_u64().saturating_sub(1));
    let mut watch = subject.kv.watch(&Scope::parse("a/"), before).await.expect("watch");
    tell(told, "created", next(&mut watch).await);
    tell(told, "canceled", next(&mut watch).await);
    tell(told, "stays open", is_silent(&mut watch).await);
}

/// The first `count` events from a revision on. How a history is cut into messages is each backend's own affair.
async fn catch_up(subject: &Subject, scope: &str, from: u64, count: usize) -> Vec<KvUpdate> {
    let mut watch = subject.kv.watch(&Scope::parse(scope), Revision::new(from)).await.expect("watch");
    let mut events = Vec::new();
    while events.len() < count {
        if let Some(WatchMessage::Events(_, more)) = next(&mut watch).await {
            events.extend(more);
        }
    }
    events
}

async fn next(watch: &mut Box<dyn KvWatch>) -> Option<WatchMessage> {
    let message = tokio::time::timeout(Duration::from_secs(10), watch.next()).await.expect("in time");
    message.expect("no error").map(|mut message| {
        let (WatchMessage::Created(header)
        | WatchMessage::Events(header, _)
        | WatchMessage::Progress(header)
        | WatchMessage::Canceled { header, .. }) = &mut message;
        // The only thing that may differ.
        header.cluster_id = 0;
        message
    })
}

/// Asks until it is answered: etcd leaves requests unanswered while a watch catches up.
async fn progress(watch: &mut Box<dyn KvWatch>) -> WatchMessage {
    for _ in 0..50 {
        watch.request_progress().await.expect("request");
        if let Ok(message) = tokio::time::timeout(Duration::from_millis(200), next(watch)).await {
            return message.expect("the stream goes on");
        }
    }
    panic!("no progress is ever told");
}

/// A request that was answered late may have been made twice.
async fn next_but_progress(watch: &mut Box<dyn KvWatch>) -> Option<WatchMessage> {
    loop {
        match next(watch).await {
            Some(WatchMessage::Progress(_)) => {}
            other => return other,
        }
    }
}

async fn is_silent(watch: &mut Box<dyn KvWatch>) -> bool {
    tokio::time::timeout(Duration::from_millis(300), watch.next()).await.is_err()
}

fn tell(told: &mut String, what: &str, seen: impl std::fmt::Debug) {
    writeln!(told, "{what}: {seen:?}").expect("a string takes it");
}
