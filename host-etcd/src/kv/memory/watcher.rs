//! A watch on the embedded backend.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::Shared;
use super::state::State;
use crate::kv::{Header, Key, KvError, KvWatch, Revision, WatchMessage};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Open,
    Canceled,
}

/// Which keys are watched.
pub(super) type IsWanted = Box<dyn Fn(&Key) -> bool + Send + Sync>;

/// A watch that reads the history at its own pace.
pub(super) struct MemoryWatch {
    shared: Arc<Shared>,
    changed: watch::Receiver<u64>,
    is_wanted: IsWanted,
    /// The first revision that is not delivered yet.
    next: Revision,
    /// Whether it was opened too late.
    is_lost: bool,
    phase: Phase,
    /// How often watches had been cut when this one was opened.
    cut: u64,
    is_progress_asked: bool,
}

impl MemoryWatch {
    pub(super) fn new(shared: &Arc<Shared>, is_wanted: IsWanted, from: Revision) -> Self {
        let changed = shared.changed.subscribe();
        let state = shared.lock();
        // etcd's watches are opened one revision early, so that one must still be there, too.
        let is_lost = from <= state.compacted() && state.compacted() > Revision::ZERO;
        let cut = state.cuts();
        drop(state);
        Self {
            shared: Arc::clone(shared),
            changed,
            is_wanted,
            next: from,
            is_lost,
            phase: Phase::New,
            cut,
            is_progress_asked: false,
        }
    }

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
            Phase::Open if self.is_lost || self.next < state.compacted() => {
                self.phase = Phase::Canceled;
                let compacted = Some(state.compacted());
                Ok(Some(WatchMessage::Canceled { header, compacted, reason: String::new() }))
            }
            Phase::Open => Ok(self.deliver(&state, header)),
        }
    }

    /// Waits for a change, or until a lease ends; false if nothing can change any more.
    async fn wait(&mut self) -> bool {
        let next_end = self.shared.lock().next_end();
        let changed = self.changed.changed();
        match next_end {
            None => changed.await.is_ok(),
            Some(ends) => {
                tokio::time::timeout_at(ends, changed).await.map_or(true, |changed| changed.is_ok())
            }
        }
    }

    fn deliver(&mut self, state: &State, header: Header) -> Option<WatchMessage> {
        let (events, next) = state.events(&self.is_wanted, self.next);
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
                Ok(None) if self.wait().await => {}
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
