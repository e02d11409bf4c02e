//! From the responses of several watches to transactions that are whole.

use std::collections::BTreeMap;

use etcd_client::proto::PbWatchResponse;

use crate::kv::etcd::connection::from_etcd;
use crate::kv::etcd::watch::Inbox;
use crate::kv::{Header, KvUpdate, Revision, WatchMessage};

/// Bytes that may be held back: while one watch catches up with a long history nothing says how far the others are.
pub(super) const MAX_HELD_BYTES: usize = 64 << 20;

/// Bytes that an update takes beside key and value.
const UPDATE_BYTES: usize = 128;

/// Holds back what is not whole yet. While the watches catch up with history that is what one is ahead of the others.
pub(super) struct Merge {
    watches: Vec<Watch>,
    unanswered: usize,
    pending: BTreeMap<Revision, Vec<KvUpdate>>,
    held_bytes: usize,
    /// Of the last response that named one.
    cluster_id: Option<u64>,
}

struct Watch {
    inbox: Inbox,
    /// Everything up to here has come in.
    reached: Revision,
}

/// Whether it speaks for every watch of the stream. Only such bear no watch's number and nothing else.
pub(super) fn is_progress_of_all(response: &PbWatchResponse) -> bool {
    response.watch_id == -1 && !response.created && !response.canceled && response.events.is_empty()
}

impl Merge {
    /// For watches numbered from one, all from this revision on.
    pub(super) fn new(watches: usize, from: Revision, progress_is_ordered: bool) -> Self {
        let reached = Revision::new(from.as_u64().saturating_sub(1));
        let watch = || Watch { inbox: Inbox::new(from, progress_is_ordered), reached };
        Self {
            watches: (0..watches).map(|_| watch()).collect(),
            unanswered: watches,
            pending: BTreeMap::new(),
            held_bytes: 0,
            cluster_id: None,
        }
    }

    /// Whether more is held back than may be.
    pub(super) fn is_overfull(&self) -> bool {
        self.held_bytes > MAX_HELD_BYTES
    }

    /// Up to where everything has been handed on.
    pub(super) fn delivered(&self) -> Option<Header> {
        let revision = self.watches.iter().map(|watch| watch.reached).min()?;
        Some(Header { cluster_id: self.cluster_id?, revision })
    }

    /// Whether something is held back that progress of all would release.
    pub(super) fn waits(&self) -> bool {
        self.unanswered == 0 && !self.pending.is_empty()
    }

    /// Takes one response of the stream; a message once there is something to say.
    pub(super) fn handle(&mut self, response: PbWatchResponse) -> Option<WatchMessage> {
        self.cluster_id = response.header.as_ref().map(|header| header.cluster_id).or(self.cluster_id);
        if self.watches.len() > 1 && is_progress_of_all(&response) {
            return self.on_progress_of_all(&response);
        }
        let index = self.index(&response)?;
        let watch = self.watches.get_mut(index)?;
        match watch.inbox.handle(response)? {
            WatchMessage::Created(header) => {
                self.unanswered = self.unanswered.saturating_sub(1);
                (self.unanswered == 0).then_some(WatchMessage::Created(header))
            }
            WatchMessage::Events(header, updates) => {
                watch.reached = watch.reached.max(header.revision);
                for update in updates {
                    self.held_bytes = self.held_bytes.saturating_add(size(&update));
                    self.pending.entry(update.mod_revision()).or_default().push(update);
                }
                self.release(header.cluster_id)
            }
            WatchMessage::Progress(header) => {
                watch.reached = watch.reached.max(header.revision);
                self.release(header.cluster_id).or(Some(WatchMessage::Progress(header)))
            }
            canceled @ WatchMessage::Canceled { .. } => Some(canceled),
        }
    }

    /// Which watch it is for. A watch that cannot be created is cancelled under no number.
    fn index(&self, response: &PbWatchResponse) -> Option<usize> {
        let number = usize::try_from(response.watch_id)
            .ok()
            .filter(|number| (1..=self.watches.len()).contains(number));
        match number {
            Some(number) => number.checked_sub(1),
            None if response.canceled || self.watches.len() == 1 => Some(0),
            None => None,
        }
    }

    fn on_progress_of_all(&mut self, response: &PbWatchResponse) -> Option<WatchMessage> {
        if self.unanswered > 0 || self.watches.iter().any(|watch| watch.inbox.is_fragmented()) {
            // It would speak for watches that the server does not know of yet, or for what is not whole between fragments.
            return None;
        }
        let header = response.header.as_ref()?;
        let header = Header { cluster_id: header.cluster_id, revision: from_etcd(header.revision) };
        for watch in &mut self.watches {
            watch.reached = watch.reached.max(header.revision);
        }
        self.release(header.cluster_id).or(Some(WatchMessage::Progress(header)))
    }

    /// What every watch has reached.
    fn release(&mut self, cluster_id: u64) -> Option<WatchMessage> {
        let reached = self.watches.iter().map(|watch| watch.reached).min()?;
        let held_back = self.pending.split_off(&reached.next());
        let whole = std::mem::replace(&mut self.pending, held_back);
        let revision = *whole.last_key_value()?.0;
        let updates: Vec<_> = whole.into_values().flatten().collect();
        self.held_bytes = self.held_bytes.saturating_sub(updates.iter().map(size).sum());
        Some(WatchMessage::Events(Header { cluster_id, revision }, updates))
    }
}

fn size(update: &KvUpdate) -> usize {
    let value = match update {
        KvUpdate::Put(entry) => entry.value.len(),
        KvUpdate::Delete { .. } => 0,
    };
    update.key().as_bytes().len().saturating_add(value).saturating_add(UPDATE_BYTES)
}

#[cfg(test)]
mod tests;
