//! The embedded backend: a store in this process that behaves as etcd does.
//!
//! It counts revisions, keeps its history until that is compacted, and serves watches from any revision of it. A
//! watch from a future revision is created and stays silent; one from a compacted revision is created and then
//! cancelled, as over etcd also one from that very revision; a watcher that falls behind a compaction is cancelled likewise. `tests/kv_conformance.rs` holds it
//! to a real etcd.

mod access;
mod follow;
mod history;
mod leases;
mod state;
mod watcher;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::Instant;

use self::state::State;
use self::watcher::MemoryWatch;
use super::{Connect, Header, KvChange, KvError, KvSource, KvWatch, Listing, Revision, Scope};

/// Bytes of one request: what etcd takes unless it is configured otherwise, so that what is published here can be
/// published there.
const MAX_REQUEST_BYTES: usize = 1_572_864;

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

    /// Makes all changes at one revision, which it returns: a [`transact`](super::KvTransact::transact) without
    /// conditions, waiting, or bounds on number and size. Each key is to be named once; a lease that does not live is no
    /// lease. Without an effect — only deletions of keys that do not exist — the revision stays.
    pub fn transaction(&self, changes: impl IntoIterator<Item = KvChange>) -> Revision {
        self.shared.change(|state| state.apply(changes))
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

#[cfg(test)]
mod tests;
