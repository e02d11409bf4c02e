//! A reader in a mood.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{Header, Key, KvEntry, KvError, KvReader, Listing, Revision};
use async_trait::async_trait;

/// How it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Good,
    Failing(KvError),
    Silent,
    Panicking,
    /// Answers only when it is let.
    Slow,
    /// Gives what it gave so many answers ago, once for each.
    Behind(Vec<(Header, Option<KvEntry>)>),
}

/// The reader.
pub(crate) struct Moody {
    kv: MemoryKv,
    mood: Mutex<Mood>,
    calls: AtomicUsize,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
    let_go: tokio::sync::Semaphore,
}

impl Moody {
    pub(crate) fn over(kv: &MemoryKv) -> Self {
        Self {
            kv: kv.clone(),
            mood: Mutex::new(Mood::Good),
            calls: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
            let_go: tokio::sync::Semaphore::new(0),
        }
    }

    pub(crate) fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// Lets so many slow answers go.
    pub(crate) fn let_go(&self, count: usize) {
        self.let_go.add_permits(count);
    }

    /// How often it was asked.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// How many questions were under way at most.
    pub(crate) fn most_under_way(&self) -> usize {
        self.most_under_way.load(Ordering::Relaxed)
    }

    /// How many questions are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    fn mood(&self) -> Mood {
        let mut mood = self.mood.lock().unwrap_or_else(PoisonError::into_inner);
        if let Mood::Behind(answers) = &mut *mood
            && let Some(answer) = answers.pop()
        {
            return Mood::Behind(vec![answer]);
        }
        match &*mood {
            Mood::Behind(_) => Mood::Good,
            other => other.clone(),
        }
    }
}

#[async_trait]
impl KvReader for Moody {
    async fn get(&self, key: &Key) -> Result<(Header, Option<KvEntry>), KvError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let under_way = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_under_way.fetch_max(under_way, Ordering::Relaxed);
        let _leaving = Leaving(&self.under_way);
        match self.mood() {
            Mood::Good => {}
            Mood::Failing(error) => return Err(error),
            Mood::Silent => pending().await,
            Mood::Panicking => panic!("as it was asked for"),
            Mood::Slow => self.let_go.acquire().await.expect("is open").forget(),
            Mood::Behind(mut answers) => return Ok(answers.pop().expect("one")),
        }
        self.kv.get(key).await
    }

    async fn entry(&self, key: &Key) -> Result<(Header, Option<KvEntry>), KvError> {
        self.get(key).await
    }

    async fn keys(&self, prefix: &Key) -> Result<Vec<Key>, KvError> {
        self.kv.keys(prefix).await
    }

    async fn scan(&self, prefix: &Key) -> Result<Listing, KvError> {
        self.kv.scan(prefix).await
    }
}

struct Leaving<'a>(&'a AtomicUsize);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A header of the embedded backend's cluster.
pub(crate) fn header(revision: Revision) -> Header {
    Header { cluster_id: 1, revision }
}
