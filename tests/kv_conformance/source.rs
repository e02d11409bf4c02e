//! The seam of the store: head, list, and one watch, message by message.

use std::time::Duration;

use aldis_etcd::kv::{KvChange, KvUpdate, KvWatch, Revision, Scope, WatchMessage};

use crate::subject::{Subject, Told};

pub(crate) async fn tell(subject: &Subject, told: &mut Told) {
    let kv = &subject.kv;
    for key in ["a/1", "a/2", "b", "a", "a/1"] {
        kv.put(&key.into(), key.as_bytes()).await.expect("put");
    }
    for scope in ["a/", "a", "none", "none/"] {
        let listing = kv.list(&Scope::parse(scope)).await.expect("list");
        told.tell(scope, (listing.header.revision, listing.entries));
        told.tell("head", kv.head(&Scope::parse(scope)).await.map(|header| header.revision));
    }
    tell_watches(subject, told).await;
}

async fn tell_watches(subject: &Subject, told: &mut Told) {
    let kv = &subject.kv;
    let start = kv.head(&Scope::parse("a/")).await.expect("head").revision;
    let mut watch = kv.watch(&Scope::parse("a/"), start.next()).await.expect("watch");
    told.tell("created", next(&mut watch).await);
    told.tell("progress on a quiet store", progress(&mut watch).await);
    kv.put(&"a/3".into(), b"3").await.expect("put");
    told.tell("put", next_but_progress(&mut watch).await);
    let puts = [("a/4", "4"), ("b", "b"), ("a/5", "5")].map(|(key, value)| KvChange::put(key, value));
    kv.transact(&[], &puts).await.expect("put");
    told.tell("transaction", next_but_progress(&mut watch).await);
    kv.delete(&"b".into()).await.expect("delete");
    kv.delete(&"a/4".into()).await.expect("delete");
    told.tell("delete", next_but_progress(&mut watch).await);
    told.tell("then", is_silent(&mut watch).await);
    let first = Revision::new(start.as_u64() - 4);
    told.tell("from the start", catch_up(subject, "a/", first, 7).await);
    told.tell("one key", catch_up(subject, "a/1", first, 2).await);
    let mut future = kv.watch(&Scope::parse("a/"), Revision::new(100_000)).await.expect("watch");
    told.tell("future", next(&mut future).await);
    kv.put(&"a/6".into(), b"6").await.expect("put");
    told.tell("future", is_silent(&mut future).await);
    told.tell("beside", next(&mut watch).await);
}

pub(crate) async fn tell_compaction(subject: &Subject, told: &mut Told) {
    (subject.compact)();
    let head = subject.kv.head(&Scope::parse("a/")).await.expect("head").revision;
    told.tell("put", subject.kv.put(&"a/7".into(), b"7").await);
    told.tell("behind it", catch_up(subject, "a/", head.next(), 1).await);
    let before = Revision::new(head.as_u64().saturating_sub(1));
    let mut watch = subject.kv.watch(&Scope::parse("a/"), before).await.expect("watch");
    told.tell("created", next(&mut watch).await);
    told.tell("canceled", next(&mut watch).await);
    told.tell("stays open", is_silent(&mut watch).await);
}

/// The first `count` events from a revision on. How a history is cut into messages is each backend's own affair.
async fn catch_up(subject: &Subject, scope: &str, from: Revision, count: usize) -> Vec<KvUpdate> {
    let mut watch = subject.kv.watch(&Scope::parse(scope), from).await.expect("watch");
    let mut events = Vec::new();
    while events.len() < count {
        if let Some(WatchMessage::Events(_, more)) = next(&mut watch).await {
            events.extend(more);
        }
    }
    events
}

async fn next(watch: &mut Box<dyn KvWatch>) -> Option<WatchMessage> {
    let message = tokio::time::timeout(Duration::from_secs(20), watch.next()).await.expect("in time");
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

/// A late answer to a request for progress is no event.
async fn is_silent(watch: &mut Box<dyn KvWatch>) -> bool {
    tokio::time::timeout(Duration::from_millis(300), next_but_progress(watch)).await.is_err()
}
