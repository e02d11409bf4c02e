//! The embedded backend: a store in this process that behaves as etcd does.
//!
//! It counts revisions, keeps its history until that is compacted, and serves watches from any revision of it. A
//! watch from a future revision is created and stays silent; one from a compacted revision is created and then
//! cancelled; a watcher that falls behind a compaction is cancelled the same way. `tests/kv_conformance.rs` holds it
//! to a real etcd.

mod leases;
mod state;
mod watcher;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::time::Instant;

use self::state::State;
use self::watcher::MemoryWatch;
use super::follow::{Follow, follow};
use super::lease::whole_seconds;
use super::prefixes::Prefixes;
use super::{
    Connect, Header, Key, KvBatch, KvChange, KvCondition, KvEntry, KvError, KvPurge, KvReader, KvSource,
    KvTransact, KvTtl, KvWatch, KvWatcher, KvWriter, Lease, LeaseId, Listing, Revision, Scope, WatchCursor,
    request,
};

/// Bytes of one request: what etcd takes unless it is configured otherwise, so that what is published here can be
/// published there.
const MAX_REQUEST_BYTES: usize = 1_572_864;

/// One change of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Puts a value under a key.
    Put(Key, Vec<u8>),
    /// Deletes a key; nothing if it does not exist.
    Delete(Key),
}

impl From<Change> for KvChange {
    fn from(change: Change) -> Self {
        match change {
            Change::Put(key, value) => Self::put(key, value),
            Change::Delete(key) => Self::Delete(key),
        }
    }
}

/// A store in memory. Clones are handles to the same store.
///
/// ```
/// # async fn publish() -> Result<(), aldis_etcd::kv::KvError> {
/// use aldis_etcd::kv::memory::MemoryKv;
/// use aldis_etcd::kv::{KvReader, KvWriter, Revision};
///
/// let store = MemoryKv::new();
/// let version = store.put(&"aldis/directives".into(), br#"{"directives":[]}"#).await?;
/// assert_eq!(version.revision(), Some(Revision::new(2)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MemoryKv {
    shared: Arc<Shared>,
    endpoints: [String; 1],
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Counts what watches have to look at; its value means nothing.
    changed: watch::Sender<u64>,
}

impl Default for MemoryKv {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryKv {
    /// An empty store at revision one, as a fresh etcd is.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared { state: Mutex::new(State::new()), changed: watch::Sender::new(0) }),
            endpoints: ["memory:".to_owned()],
        }
    }

    /// The revision of the store.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.shared.lock().header().revision
    }

    /// Makes all changes at one revision, which it returns. Without an effect — only deletions of keys that do not
    /// exist — the revision stays.
    pub fn transaction(&self, changes: impl IntoIterator<Item = Change>) -> Revision {
        self.shared.change(|state| state.apply(changes.into_iter().map(KvChange::from)))
    }

    /// Forgets the history before `revision`: watches from before it are cancelled.
    ///
    /// # Errors
    ///
    /// [`KvError::Compacted`] if that was forgotten before, [`KvError::Failed`] if the store has not come that far.
    pub fn compact(&self, revision: Revision) -> Result<(), KvError> {
        self.shared.change(|state| state.compact(revision))
    }

    /// Ends every open watch, as a connection that breaks does.
    pub fn cut_watches(&self) {
        self.shared.change(State::cut_watches);
    }

    /// Starts anew: no keys, no history, revision one, the same cluster id — what a cluster is after its data
    /// directory was wiped. Open watches end.
    pub fn wipe(&self) {
        self.shared.change(State::wipe);
    }
}

impl Shared {
    /// The state as of now: leases that have run out are gone.
    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.next_end().is_some() && state.expire(Instant::now()) {
            self.notify();
        }
        state
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.notify();
        result
    }

    fn notify(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }
}

#[async_trait]
impl Connect for MemoryKv {
    fn endpoints(&self) -> &[String] {
        &self.endpoints
    }

    async fn connect(&self, _endpoint: usize) -> Result<Box<dyn KvSource>, KvError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl KvSource for MemoryKv {
    async fn head(&self, _scope: &Scope) -> Result<Header, KvError> {
        Ok(self.shared.lock().header())
    }

    async fn list(&self, scope: &Scope) -> Result<Listing, KvError> {
        let state = self.shared.lock();
        Ok(Listing { header: state.header(), entries: state.entries(scope) })
    }

    async fn watch(&self, scope: &Scope, from: Revision) -> Result<Box<dyn KvWatch>, KvError> {
        let scope = scope.clone();
        Ok(Box::new(MemoryWatch::new(&self.shared, Box::new(move |key| scope.contains(key)), from)))
    }
}

#[async_trait]
impl Follow for MemoryKv {
    async fn list_prefixes(&self, prefixes: &Prefixes) -> Result<Listing, KvError> {
        let state = self.shared.lock();
        let entries =
            prefixes.as_slice().iter().flat_map(|prefix| state.entries(&Scope::Prefix(prefix.clone())));
        Ok(Listing { header: state.header(), entries: entries.collect() })
    }

    async fn open(&self, prefixes: &Prefixes, from: Revision) -> Result<Box<dyn KvWatch>, KvError> {
        let prefixes = prefixes.clone();
        Ok(Box::new(MemoryWatch::new(&self.shared, Box::new(move |key| prefixes.contains(key)), from)))
    }
}

#[async_trait]
impl KvWatcher for MemoryKv {
    async fn watch_prefixes(&self, prefixes: &[Key], tx: Sender<KvBatch>) -> Result<(), KvError> {
        follow(self, prefixes, &WatchCursor::none(), &tx).await
    }

    async fn watch_prefixes_from(
        &self,
        prefixes: &[Key],
        cursor: &WatchCursor,
        tx: Sender<KvBatch>,
    ) -> Result<(), KvError> {
        follow(self, prefixes, cursor, &tx).await
    }
}

#[async_trait]
impl KvReader for MemoryKv {
    async fn get(&self, key: &Key) -> Result<(Header, Option<KvEntry>), KvError> {
        request::check_key(key)?;
        let state = self.shared.lock();
        Ok((state.header(), state.entry(key).cloned()))
    }

    /// As in etcd, a deleted key is gone: what is there is what [`get`](Self::get) shows.
    async fn entry(&self, key: &Key) -> Result<(Header, Option<KvEntry>), KvError> {
        self.get(key).await
    }

    async fn keys(&self, prefix: &Key) -> Result<Vec<Key>, KvError> {
        Ok(self.scan(prefix).await?.entries.into_iter().map(|entry| entry.key).collect())
    }

    async fn scan(&self, prefix: &Key) -> Result<Listing, KvError> {
        self.list(&Scope::Prefix(prefix.clone())).await
    }
}

#[async_trait]
impl KvWriter for MemoryKv {
    async fn delete(&self, key: &Key) -> Result<bool, KvError> {
        request::check_key(key)?;
        Ok(self.shared.change(|state| {
            let exists = state.entry(key).is_some();
            state.apply([KvChange::Delete(key.clone())]);
            exists
        }))
    }
}

/// A delete, as on etcd: earlier values go when the history is compacted.
#[async_trait]
impl KvPurge for MemoryKv {
    async fn purge(&self, key: &Key) -> Result<(), KvError> {
        self.delete(key).await.map(drop)
    }
}

#[async_trait]
impl KvTransact for MemoryKv {
    async fn transact(&self, conditions: &[KvCondition], changes: &[KvChange]) -> Result<Revision, KvError> {
        let expected = request::check(conditions, changes, MAX_REQUEST_BYTES)?;
        self.shared.change(|state| state.transact(&expected, changes))
    }
}

/// Leases end by the clock of tokio, so also in the virtual time of its tests; without a task: whoever looks next, and
/// every open watch, sees their keys gone.
#[async_trait]
impl KvTtl for MemoryKv {
    async fn grant(&self, ttl: Duration) -> Result<Lease, KvError> {
        let ttl = Duration::from_secs(whole_seconds(ttl)?);
        Ok(self.shared.change(|state| state.grant(ttl, Instant::now())))
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<Duration, KvError> {
        self.shared.change(|state| state.keep_alive(lease, Instant::now()))
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), KvError> {
        self.shared.change(|state| state.revoke(lease));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
