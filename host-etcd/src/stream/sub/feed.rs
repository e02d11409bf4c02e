//! From what the watch hands on to the bursts that a consumer takes.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use super::burst::{Burst, BurstKind};
use super::delivered::Delivered;
use super::status::Board;
use crate::driver::{Follower, Start};
use crate::kv::{Header, Key, KvUpdate, Listing, Revision};
use crate::status::State;
use crate::watch::Report;

/// The task's end of a subscription.
pub(super) struct Feed {
    sender: mpsc::Sender<Burst>,
    delivered: Delivered,
    /// Of the last burst; `None` before the snapshot.
    revision: Option<Revision>,
    /// What was followed before the cluster changed, until a burst has said so.
    left: Option<Header>,
    board: Arc<Board>,
    start: Start,
}

impl Feed {
    pub(super) fn new(sender: mpsc::Sender<Burst>, board: Arc<Board>, start: Start) -> Self {
        Self { sender, delivered: Delivered::default(), revision: None, left: None, board, start }
    }

    /// Waits for room and hands the burst over. What was delivered is noted in the same step, without an await in
    /// between, so that no panic and no end can tell them apart.
    async fn send(&mut self, burst: Burst) {
        let sender = self.sender.clone();
        if sender.capacity() == 0 {
            self.board.update(|status| status.is_held_back = true);
        }
        // Fails once the consumer is gone; then the task ends, too.
        let Ok(room) = sender.reserve().await else { return };
        self.delivered.note(&burst.updates);
        self.revision = Some(burst.revision);
        let keys = self.delivered.len();
        self.board.update(|status| {
            status.is_held_back = false;
            status.revision = Some(burst.revision);
            status.keys = keys;
        });
        room.send(burst);
    }
}

impl Follower for Feed {
    async fn replace(&mut self, listing: Listing) {
        let to = listing.header;
        let updates = self.delivered.difference(listing, &BTreeSet::new());
        let (kind, revision) = match (self.revision, self.left) {
            (None, _) => (BurstKind::Snapshot, to.revision),
            (Some(_), Some(from)) => (BurstKind::NewIncarnation { from, to }, to.revision),
            (Some(_), None) if updates.is_empty() => return,
            // A server that is behind would have been doubted.
            (Some(_), None) => (BurstKind::Difference, to.revision),
        };
        self.send(Burst { kind, revision, updates }).await;
        self.left = None;
        self.start.tell(Ok(()));
    }

    async fn change(&mut self, revision: Revision, updates: Vec<KvUpdate>, _more: bool) {
        self.send(Burst { kind: BurstKind::Live, revision, updates }).await;
    }

    async fn verify(&mut self, listing: Listing, later: BTreeSet<Key>) -> usize {
        // A list that the watch has overtaken is still true of the keys that it speaks of.
        let revision =
            self.revision.map_or(listing.header.revision, |last| last.max(listing.header.revision));
        let updates = self.delivered.difference(listing, &later);
        let repaired = updates.len();
        if repaired == 0 {
            debug!("verified by a read");
            return 0;
        }
        warn!(keys = repaired, "a verifying read found a difference; it is delivered");
        let count = u64::try_from(repaired).unwrap_or(u64::MAX);
        self.board.update(|status| status.repairs = status.repairs.saturating_add(count));
        self.send(Burst { kind: BurstKind::Difference, revision, updates }).await;
        repaired
    }

    fn confirmed(&mut self, revision: Revision) {
        let now = Instant::now().into_std();
        self.board.update(|status| {
            (status.confirmed_revision, status.confirmed_at) = (Some(revision), Some(now));
        });
    }

    fn tell(&mut self, report: Report) {
        match report {
            Report::Live => {
                info!("live");
                self.board.update(|status| status.state = State::Live);
            }
            Report::Stale { cause, .. } => {
                warn!(%cause, "stale: the connection is lost");
                self.board.update(|status| status.state = State::Stale);
            }
            Report::Reconnecting { endpoint, cause, delay } => {
                info!(endpoint, %cause, ?delay, "reconnecting");
                self.board.update(|status| {
                    status.reconnects = status.reconnects.saturating_add(1);
                    status.last_error = Some(cause.to_string());
                });
                self.start.endpoint_failed(endpoint, &cause);
            }
            Report::Connected { endpoint } => debug!(endpoint, "connected"),
            Report::Canceled { compacted, reason } => {
                info!(?compacted, reason, "the server ended the watch");
                self.board.update(|status| status.cancels = status.cancels.saturating_add(1));
            }
            Report::ClusterChanged { from, to } => {
                warn!(?from, ?to, "the cluster was restored, wiped or replaced; following its present state");
                self.left.get_or_insert(from);
            }
            Report::Unverified { cause } => {
                info!(%cause, "a verifying read failed; the watch goes on");
                self.board.update(|status| status.last_error = Some(cause.to_string()));
            }
        }
    }

    fn panicked(&mut self) {
        error!("the subscription's task panicked and goes on with a fresh list");
        self.board.update(|status| status.panics = status.panics.saturating_add(1));
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.board.update(|status| status.state = State::Stopped);
    }
}
