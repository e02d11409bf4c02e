//! What a state directory gives to a start.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{info, warn};

use crate::clock::Clock;
use crate::driver::Fallback;
use crate::kv::Scope;
use crate::mirror::{Mirror, SharedMirror};
use crate::sink::StateError;
use crate::sink::disk::{Disk, Restored, StateDirectory, Writer};
use crate::status::Board;

/// The directory, and what has been read of it so far.
pub(super) struct State {
    disk: Option<Disk>,
    /// Empty until something is restored.
    pub(super) mirror: SharedMirror,
    /// How reading goes, while it does.
    reading: Option<oneshot::Receiver<Restored>>,
    /// How it went so far.
    restored: Restored,
    waited: Duration,
}

impl State {
    /// Begins to read the files of this scope, from which `clock` goes on.
    pub(super) fn open(
        path: Option<&Path>,
        scope: &Scope,
        clock: &Arc<Clock>,
        flush_limit: Duration,
    ) -> Self {
        let mirror = SharedMirror::new(Mirror::new());
        let nothing = |error| Self {
            disk: None,
            mirror: mirror.clone(),
            reading: None,
            restored: Err(error),
            waited: Duration::ZERO,
        };
        let Some(path) = path else { return nothing(StateError::NotConfigured) };
        let directory = StateDirectory::new(path.to_owned(), scope);
        match Disk::start(directory, mirror.clone(), Arc::clone(clock), flush_limit) {
            Ok((disk, reading)) => {
                let error = StateError::Slow { limit: Duration::ZERO };
                Self { disk: Some(disk), reading: Some(reading), ..nothing(error) }
            }
            Err(error) => nothing(StateError::Unreadable { cause: format!("no thread: {error}") }),
        }
    }

    /// Waits until it has been read, but not longer than this: a disk may hang.
    pub(super) async fn read_within(&mut self, limit: Duration) {
        let Some(reading) = &mut self.reading else { return };
        self.waited = self.waited.saturating_add(limit);
        let panicked = || Err(StateError::Malformed { what: "reading it panicked" });
        self.restored = match tokio::time::timeout(limit, reading).await {
            Ok(restored) => {
                self.reading = None;
                restored.unwrap_or_else(|_| panicked())
            }
            Err(_) => Err(StateError::Slow { limit: self.waited }),
        };
        match &self.restored {
            Ok(_) => info!("restored from the state directory"),
            Err(StateError::Missing) => {}
            Err(error @ StateError::Slow { .. }) => {
                warn!(%error, "going on without; it is taken in when it comes");
            }
            Err(error) => warn!(%error, "starting as if there was no state directory"),
        }
    }

    /// Whether it has not been read yet.
    pub(super) fn is_being_read(&self) -> bool {
        self.reading.is_some()
    }

    /// Why there is nothing to start from, if there is nothing.
    pub(super) fn error(self) -> Option<StateError> {
        self.restored.err()
    }

    /// That a store may start with it, if it has been read.
    pub(super) fn fallback(&self) -> Option<Fallback> {
        self.restored.as_ref().ok().map(|confirmed| Fallback { confirmed: *confirmed })
    }

    /// What writes to the directory. From now on its failures show on this board, and why what was there is not used.
    pub(super) fn writer(&self, board: &Arc<Board>) -> Option<Writer> {
        let is_worth_a_word =
            |error: &&StateError| !matches!(error, StateError::NotConfigured | StateError::Missing);
        if let Some(error) = self.restored.as_ref().err().filter(is_worth_a_word) {
            board.update(|status| status.state_refused = Some(error.to_string()));
        }
        let disk = self.disk.as_ref()?;
        disk.report_to(board);
        Some(disk.writer())
    }

    /// What is to outlive the start. What is still being read is taken in when it comes.
    pub(super) fn into_disk(self) -> Option<Disk> {
        self.disk
    }
}
