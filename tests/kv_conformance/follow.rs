//! Watches over prefixes: what is there, then what changes.

use std::sync::Arc;
use std::time::Duration;

use aldis_etcd::kv::{Key, KvBatch, KvChange, KvError, KvUpdate, WatchCursor};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::subject::{Backend, Subject, Told};

const PATIENCE: Duration = Duration::from_secs(30);

/// A watch that runs beside the test.
pub(crate) struct Followed {
    pub(crate) batches: mpsc::Receiver<KvBatch>,
    ends: JoinHandle<Result<(), KvError>>,
}

impl Followed {
    pub(crate) fn start(kv: &Arc<dyn Backend>, prefixes: &[&str], cursor: Option<WatchCursor>) -> Self {
        Self::start_with(kv, prefixes, cursor, 64)
    }

    pub(crate) fn start_with(
        kv: &Arc<dyn Backend>,
        prefixes: &[&str],
        cursor: Option<WatchCursor>,
        capacity: usize,
    ) -> Self {
        let (tx, batches) = mpsc::channel(capacity);
        let (kv, prefixes) = (Arc::clone(kv), prefixes.iter().copied().map(Key::from).collect::<Vec<_>>());
        // The forms that name less are the same watch; here each is what it is called for.
        let ends = tokio::spawn(async move {
            match (prefixes.as_slice(), cursor) {
                ([all], None) if all.as_bytes().is_empty() => kv.watch_all(tx).await,
                ([all], Some(cursor)) if all.as_bytes().is_empty() => kv.watch_all_from(&cursor, tx).await,
                ([one], None) => kv.watch_prefix(one, tx).await,
                ([one], Some(cursor)) => kv.watch_prefix_from(one, &cursor, tx).await,
                (several, None) => kv.watch_prefixes(several, tx).await,
                (several, Some(cursor)) => kv.watch_prefixes_from(several, &cursor, tx).await,
            }
        });
        Self { batches, ends }
    }

    pub(crate) async fn next(&mut self) -> Option<KvBatch> {
        tokio::time::timeout(PATIENCE, self.batches.recv()).await.expect("in time")
    }

    pub(crate) async fn updates(&mut self) -> Vec<KvUpdate> {
        self.next().await.expect("the watch goes on").updates
    }

    /// The next so many updates. How a history is cut into batches is each backend's own affair, but none ends inside a
    /// transaction.
    pub(crate) async fn collect(&mut self, count: usize) -> Vec<KvUpdate> {
        let mut all: Vec<KvUpdate> = Vec::new();
        while all.len() < count {
            let updates = self.updates().await;
            let (before, next) = (all.last(), updates.first());
            let is_torn = before.zip(next).is_some_and(|(a, b)| a.mod_revision() >= b.mod_revision());
            assert!(!is_torn, "{before:?} and {next:?} come in two batches");
            all.extend(updates);
        }
        all
    }

    pub(crate) async fn is_silent(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(300), self.batches.recv()).await.is_err()
    }

    /// What the watch returns, once what it delivered is taken.
    pub(crate) async fn end(mut self) -> Result<(), KvError> {
        while self.next().await.is_some() {}
        self.returned().await
    }

    pub(crate) async fn end_by_dropping(self) -> Result<(), KvError> {
        let Self { batches, ends } = self;
        drop(batches);
        tokio::time::timeout(PATIENCE, ends).await.expect("in time").expect("no panic")
    }

    async fn returned(self) -> Result<(), KvError> {
        tokio::time::timeout(PATIENCE, self.ends).await.expect("in time").expect("no panic")
    }
}

pub(crate) async fn tell(subject: &Subject, told: &mut Told) {
    let kv = &subject.kv;
    let put = |key: &str| KvChange::put(key, "f");
    kv.transact(&[], &["f/a/1", "f/a/2", "f/b/1", "f/c/1"].map(put)).await.expect("put");
    let mut two = Followed::start(kv, &["f/b/", "f/a/"], None);
    told.tell("what is there", two.updates().await);
    let mut nested = Followed::start(kv, &["f/a/", "f/", "f/a/1", "f/a/"], None);
    told.tell("each once", nested.updates().await);
    let mut nothing = Followed::start(kv, &["f/none/", "f/nothing"], None);
    told.tell("nothing is there", nothing.updates().await);
    let mut all = Followed::start(kv, &[""], None);
    let keys: Vec<_> = all.updates().await.iter().map(|update| update.key().clone()).collect();
    assert_eq!(kv.keys(&"".into()).await, Ok(keys));

    let changes = [put("f/c/2"), put("f/b/2"), KvChange::delete("f/a/2"), put("f/a/3")];
    kv.transact(&[], &changes).await.expect("done");
    for followed in [&mut two, &mut nested, &mut all] {
        told.tell("a transaction over prefixes", followed.updates().await);
    }
    kv.put(&"f/a/1".into(), b"2").await.expect("put");
    kv.put(&"f/c/1".into(), b"2").await.expect("put");
    kv.delete(&"f/b/1".into()).await.expect("delete");
    kv.purge(&"f/a/1".into()).await.expect("purge");
    for (followed, count) in [(&mut two, 3), (&mut nested, 4), (&mut all, 4)] {
        told.tell("one after the other", followed.collect(count).await);
        told.tell("then", followed.is_silent().await);
    }
    told.tell("of others", nothing.is_silent().await);
    kv.put(&"f/nothing".into(), b"1").await.expect("put");
    told.tell("its first", nothing.updates().await);
    tell_edges(subject, told).await;
}

/// A key equal to the prefix, and prefixes that end where no byte is left to count up.
async fn tell_edges(subject: &Subject, told: &mut Told) {
    let kv = &subject.kv;
    for prefixes in
        [&[&b"e"[..]][..], &[b"e/", b"e\xff"], &[b"\xff", b"e\xff\xff"], &[b"e/\xff\xff"], &[b"e", b""]]
    {
        let (tx, mut batches) = mpsc::channel(8);
        let prefixes: Vec<_> = prefixes.iter().map(|prefix| Key::from(*prefix)).collect();
        let task = tokio::spawn({
            let (kv, prefixes) = (Arc::clone(kv), prefixes.clone());
            async move { kv.watch_prefixes(&prefixes, tx).await }
        });
        batches.recv().await.expect("what is there");
        let keys: [&[u8]; 9] =
            [b"d", b"e", b"e/", b"e/\xff", b"e/\xff\xff\xff", b"e0", b"e\xff\xff", b"f", b"\xff\xffx"];
        let puts: Vec<_> = keys.iter().map(|key| KvChange::put(*key, "e")).collect();
        kv.transact(&[], &puts).await.expect("put");
        told.tell(&format!("{prefixes:?}"), batches.recv().await.map(|batch| batch.updates));
        drop(batches);
        assert_eq!(task.await.expect("no panic"), Ok(()));
    }
}

pub(crate) async fn tell_ends(subject: &Subject, told: &mut Told) {
    let kv = &subject.kv;
    told.tell("no prefix", Followed::start(kv, &[], None).end().await);
    let mut idle = Followed::start(kv, &["f/none/"], None);
    told.tell("idle", idle.updates().await);
    told.tell("dropped while idle", idle.end_by_dropping().await);
    let full = Followed::start_with(kv, &["f/"], None, 1);
    told.tell("dropped before anything was taken", full.end_by_dropping().await);

    let mut slow = Followed::start_with(kv, &["slow/a/", "slow/b/"], None, 1);
    told.tell("nothing yet", slow.updates().await);
    for number in 0..300 {
        let key = format!("slow/{}/{number}", if number % 3 == 0 { "a" } else { "b" });
        kv.put(&key.as_str().into(), &[b'x'; 1000]).await.expect("put");
    }
    let all = slow.collect(300).await;
    told.tell("a slow receiver misses nothing", all.iter().map(KvUpdate::key).collect::<Vec<_>>());
    told.tell("and gets nothing twice", slow.is_silent().await);
    told.tell("dropped", slow.end_by_dropping().await);
}
