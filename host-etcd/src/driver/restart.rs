//! What of a store outlives it: what is kept, and how the next one starts with that.

use tracing::warn;

use super::Driver;
use crate::kv::Revision;
use crate::mirror::Outcome;
use crate::sink::disk::Confirmed;

/// That the store may start with what the mirror holds from before a restart.
pub(crate) struct Fallback {
    /// When the server last confirmed it.
    pub(crate) confirmed: Option<Confirmed>,
}

impl Driver {
    /// Has everything written that a restart must not lose.
    pub(super) fn keep(&self) {
        if let Some(writer) = &self.writer {
            writer.keep();
        }
    }

    /// Has it written that the server confirms what is in force.
    pub(super) fn keep_confirmed(&self, revision: Revision) {
        if let Some(writer) = &self.writer {
            writer.confirmed(Confirmed { at: self.clock.now(), revision });
        }
    }

    /// Puts in force what was so before the restart, though nobody confirms it.
    pub(super) fn start_from_disk(&mut self, Fallback { confirmed }: Fallback, cause: String) {
        warn!("no endpoint could be read from; starting with what the state directory holds");
        let cluster_id = self.mirror.lock().header().map(|header| header.cluster_id);
        self.board.update(|status| {
            status.last_confirmed = confirmed.map(|confirmed| confirmed.at);
            status.confirmed_revision = confirmed.map(|confirmed| confirmed.revision);
            status.cluster_id = cluster_id;
        });
        let snapshot = self.mirror.lock().snapshot().cloned();
        self.publish(Outcome { snapshot, ..Outcome::default() });
        self.board.stale(cause);
        self.started();
    }
}
