//! A backend that has a heap of transactions at hand, as etcd has for a watch that resumes.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::super::{Follower, follow};
use crate::kv::memory::MemoryKv;
use crate::kv::{
    Bytes, Connect, Header, Key, KvEntry, KvError, KvSource, KvUpdate, KvWatch, Listing, Revision, Scope,
    WatchMessage,
};
use crate::watch::{Config, Report};

/// So many messages are there at once.
const MESSAGES: usize = 40;

/// And so many transactions in each.
const TRANSACTIONS: u64 = 1_000;

/// The backend.
struct Heap(MemoryKv);

#[async_trait]
impl Connect for Heap {
    fn endpoints(&self) -> &[String] {
        self.0.endpoints()
    }

    async fn connect(&self, _: usize) -> Result<Box<dyn KvSource>, KvError> {
        Ok(Box::new(Self(self.0.clone())))
    }
}

#[async_trait]
impl KvSource for Heap {
    async fn list(&self, scope: &Scope) -> Result<Listing, KvError> {
        self.0.list(scope).await
    }

    async fn watch(&self, scope: &Scope, from: Revision) -> Result<Box<dyn KvWatch>, KvError> {
        let header = self.0.head(scope).await?;
        let firsts = (from.as_u64()..).step_by(1_000).take(MESSAGES);
        let messages = firsts.map(|first| {
            let revisions = first..first + TRANSACTIONS;
            let last = Header { revision: Revision::new(revisions.end - 1), ..header };
            WatchMessage::Events(last, revisions.map(put).collect())
        });
        Ok(Box::new(Said(std::iter::once(WatchMessage::Created(header)).chain(messages).collect())))
    }
}

fn put(revision: u64) -> KvUpdate {
    let mod_revision = Revision::new(revision);
    KvUpdate::Put(KvEntry { key: "d/a".into(), value: Bytes::new(), mod_revision })
}

struct Said(VecDeque<WatchMessage>);

#[async_trait]
impl KvWatch for Said {
    async fn next(&mut self) -> Result<Option<WatchMessage>, KvError> {
        match self.0.pop_front() {
            Some(message) => Ok(Some(message)),
            None => std::future::pending().await,
        }
    }

    async fn request_progress(&mut self) -> Result<(), KvError> {
        Ok(())
    }
}

/// Counts changes: all of them, and those behind which no other is at hand.
#[derive(Default)]
struct Counts {
    all: Arc<AtomicUsize>,
    last: Arc<AtomicUsize>,
}

impl Follower for Counts {
    async fn replace(&mut self, _: Listing) {}

    async fn change(&mut self, _: Revision, _: Vec<KvUpdate>, more: bool) {
        self.all.fetch_add(1, Ordering::Relaxed);
        self.last.fetch_add(usize::from(!more), Ordering::Relaxed);
    }

    async fn verify(&mut self, _: Listing, _: BTreeSet<Key>) -> usize {
        0
    }

    fn confirmed(&mut self, _: Revision) {}

    fn tell(&mut self, _: Report) {}

    fn panicked(&mut self) {}
}

#[tokio::test(start_paused = true)]
async fn of_the_transactions_at_hand_each_but_the_last_is_told_that_more_come() {
    let (counts, (_alive, end)) = (Counts::default(), oneshot::channel());
    let (all, last) = (Arc::clone(&counts.all), Arc::clone(&counts.last));
    let config = Config::new(Scope::parse("d/"), 1, 1);
    tokio::spawn(follow(Arc::new(Heap(MemoryKv::new())), config, counts, end));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((all.load(Ordering::Relaxed), last.load(Ordering::Relaxed)), (MESSAGES * 1_000, MESSAGES));
}

#[tokio::test(start_paused = true)]
async fn between_two_messages_others_have_their_turn_and_so_has_the_end() {
    let (counts, (alive, end)) = (Counts::default(), oneshot::channel());
    let last = Arc::clone(&counts.last);
    let config = Config::new(Scope::parse("d/"), 1, 1);
    let task = tokio::spawn(follow(Arc::new(Heap(MemoryKv::new())), config, counts, end));
    while last.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    assert!(last.load(Ordering::Relaxed) < 3, "in one go: {last:?}");
    drop(alive);
    task.await.expect("ends");
    assert!(last.load(Ordering::Relaxed) < 6, "in one go: {last:?}");
}
