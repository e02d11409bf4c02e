//! What a state directory gives to a start.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{info, warn};

use crate::clock::Clock;
use crate::kv::Scope;
use crate::mirror::{Mirror, SharedMirror};
use crate::sink::StateError;
use crate::sink::disk::{Disk, Pulse, StateDirectory};
use crate::status::Board;

/// The directory, and what was in it.
pub(super) struct State {
    directory: Option<StateDirectory>,
    /// Empty if nothing was restored.
    pub(super) mirror: SharedMirror,
    /// What was known of time, if something was restored.
    pub(super) pulse: Option<Pulse>,
    /// Why nothing was.
    pub(super) error: Option<StateError>,
}

impl State {
    /// Reads the files of this scope. A disk that does not answer is not waited for longer than `limit`.
    pub(super) async fn open(path: Option<PathBuf>, scope: &Scope, clock: &Clock, limit: Duration) -> Self {
        let directory = path.map(|path| StateDirectory::new(path, scope));
        let restored = match &directory {
            Some(directory) => restore(directory.clone(), clock, limit).await,
            None => Err(StateError::NotConfigured),
        };
        let (mirror, pulse, error) = match restored {
            Ok((pulse, mirror)) => (mirror, Some(pulse), None),
            Err(error) => (Mirror::new(), None, Some(error)),
        };
        match &error {
            None => info!("restored from the state directory"),
            Some(StateError::NotConfigured | StateError::Missing) => {}
            Some(error) => warn!(%error, "starting as if there was no state directory"),
        }
        Self { directory, mirror: SharedMirror::new(mirror), pulse, error }
    }

    /// A clock that goes on where the one before the restart was.
    pub(super) fn clock(&self, clock: Clock) -> Arc<Clock> {
        let clock = match &self.pulse {
            Some(pulse) => clock.no_earlier_than(pulse.reading),
            None => clock,
        };
        // Nothing of it is in force yet.
        self.mirror.lock().catch_up(clock.moment());
        Arc::new(clock)
    }

    /// Starts what writes to the directory, and shows why what was there is not used.
    pub(super) fn writer(&self, clock: &Arc<Clock>, board: &Arc<Board>) -> Option<Disk> {
        let directory = self.directory.clone()?;
        if let Some(error) = self.error.as_ref().filter(|error| **error != StateError::Missing) {
            board.update(|status| status.state_refused = Some(error.to_string()));
        }
        let (mirror, pulse) = (self.mirror.clone(), self.pulse.as_ref());
        let disk = Disk::start(directory, mirror, Arc::clone(clock), Arc::clone(board), pulse);
        disk.inspect_err(|error| board.sink_failed("state directory", &format_args!("no thread: {error}")))
            .ok()
    }
}

/// On a thread of its own: a disk may hang, and a runtime waits for its blocking tasks when it ends.
async fn restore(
    directory: StateDirectory,
    clock: &Clock,
    limit: Duration,
) -> Result<(Pulse, Mirror), StateError> {
    let (sender, restored) = oneshot::channel();
    let wall = clock.now();
    let restore = move || {
        let restored = directory.load(wall).map(|(pulse, record)| (pulse, Mirror::restore(record)));
        let _abandoned = sender.send(restored);
    };
    let unreadable = |error: io::Error| StateError::Unreadable { cause: error.to_string() };
    thread::Builder::new().name("aldis-restore".to_owned()).spawn(restore).map_err(unreadable)?;
    match tokio::time::timeout(limit, restored).await {
        Ok(Ok(restored)) => restored,
        Ok(Err(_)) => Err(StateError::Malformed { what: "reading it panicked" }),
        Err(_) => Err(StateError::Slow { limit }),
    }
}
