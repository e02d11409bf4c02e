//! The embedded backend: a store in this process that behaves as etcd does.
//!
//! It counts revisions, keeps its history until that is compacted, and serves watches from any revision of it. A
//! watch from a future revision is created and stays silent; one from a compacted revision is created and then
//! cancelled; a watcher that falls behind a compaction is cancelled the same way. `tests/kv_conformance.rs` holds it
//! to a real etcd.

mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;

use self::state::State;
use super::{
    Connect, Header, Key, KvEntry, KvError, KvReader, KvSource, KvWatch, KvWriter, Listing, Revision, Scope,
    WatchMessage,
};

/// Bytes of one value: what fits into a request to etcd, so that what is published here can be published there.
pub const MAX_VALUE_BYTES: usize = 1_572_864 - 512;

/// One change of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Puts a value under a key.
    Put(Key, Vec<u8>),
    /// Deletes a key; nothing if it does not exist.
    Delete(Key),
}

/// A store in memory. Clones are handles to the same store.
///
/// ```
/// # async fn publish() -> Result<(), aldis_etcd::kv::KvError> {
/// use aldis_etcd::kv::memory::MemoryKv;
/// use aldis_etcd::kv::{KvReader, KvWriter, Revision};
///
/// let store = MemoryKv::new();
/// let revision = store.put(&"aldis/directives".into(), br#"{"directives":[]}"#).await?;
/// assert_eq!(revision, Revision::new(2));
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
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
        result
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
        let changed = self.shared.changed.subscribe();
        let cut = self.shared.lock().cuts();
        Ok(Box::new(MemoryWatch {
            shared: Arc::clone(&self.shared),
            changed,
            scope: scope.clone(),
            next: from,
            phase: Phase::New,
            cut,
            is_progress_asked: false,
        }))
    }
}

#[async_trait]
impl KvReader for MemoryKv {
    async fn get(&self, key: &Key) -> Result<(Header, Option<KvEntry>), KvError> {
        let state = self.shared.lock();
        Ok((state.header(), state.entry(key).cloned()))
    }
}

#[async_trait]
impl KvWriter for MemoryKv {
    async fn put(&self, key: &Key, value: &[u8]) -> Result<Revision, KvError> {
        check_size(value)?;
        Ok(self.transaction([Change::Put(key.clone(), value.to_vec())]))
    }

    async fn update(&self, key: &Key, value: &[u8], expected: Revision) -> Result<Revision, KvError> {
        check_size(value)?;
        self.shared.change(|state| {
            let actual = state.entry(key).map_or(Revision::ZERO, |entry| entry.mod_revision);
            match actual == expected {
                true => Ok(state.apply([Change::Put(key.clone(), value.to_vec())])),
                false => Err(KvError::Conflict { expected, actual }),
            }
        })
    }

    async fn delete(&self, key: &Key) -> Result<bool, KvError> {
        Ok(self.shared.change(|state| {
            let exists = state.entry(key).is_some();
            state.apply([Change::Delete(key.clone())]);
            exists
        }))
    }
}

fn check_size(value: &[u8]) -> Result<(), KvError> {
    match value.len() > MAX_VALUE_BYTES {
        true => Err(KvError::TooLarge { bytes: value.len(), limit: MAX_VALUE_BYTES }),
        false => Ok(()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Open,
    Canceled,
}

/// A watch that reads the history at its own pace.
struct MemoryWatch {
    shared: Arc<Shared>,
    changed: watch::Receiver<u64>,
    scope: Scope,
    /// The first revision that is not delivered yet.
    next: Revision,
    phase: Phase,
    /// How often watches had been cut when this one was opened.
    cut: u64,
    is_progress_asked: bool,
}

impl MemoryWatch {
    /// What there is to say now; `Err(())` if the stream has ended.
    fn poll_message(&mut self) -> Result<Option<WatchMessage>, ()> {
        let shared = Arc::clone(&self.shared);
        let state = shared.lock();
        let header = state.header();
        match self.phase {
            _ if state.cuts() != self.cut => Err(()),
            Phase::New => {
                self.phase = Phase::Open;
                Ok(Some(WatchMessage::Created(header)))
            }
            Phase::Canceled => Ok(None),
            Phase::Open if self.next < state.compacted() => {
                self.phase = Phase::Canceled;
                let compacted = Some(state.compacted());
                Ok(Some(WatchMessage::Canceled { header, compacted, reason: String::new() }))
            }
            Phase::Open => Ok(self.deliver(&state, header)),
        }
    }

    fn deliver(&mut self, state: &State, header: Header) -> Option<WatchMessage> {
        let (events, next) = state.events(&self.scope, self.next);
        self.next = next;
        if let Some(last) = events.last() {
            let revision = last.mod_revision();
            return Some(WatchMessage::Events(Header { revision, ..header }, events));
        }
        // As in etcd, a watch that starts in the future confirms nothing.
        (std::mem::take(&mut self.is_progress_asked) && self.next <= header.revision.next())
            .then_some(WatchMessage::Progress(header))
    }
}

#[async_trait]
impl KvWatch for MemoryWatch {
    async fn next(&mut self) -> Result<Option<WatchMessage>, KvError> {
        loop {
            // Marked as seen before looking, so that a change in between wakes again.
            self.changed.borrow_and_update();
            match self.poll_message() {
                Ok(Some(message)) => return Ok(Some(message)),
                Ok(None) if self.changed.changed().await.is_ok() => {}
                Ok(None) | Err(()) => return Ok(None),
            }
        }
    }

    async fn request_progress(&mut self) -> Result<(), KvError> {
        self.is_progress_asked = true;
        self.shared.changed.send_modify(|count| *count = count.wrapping_add(1));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
