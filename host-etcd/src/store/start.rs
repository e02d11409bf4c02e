//! How a store is started.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aldis_core::DirectiveSet;
use tokio::sync::oneshot;

use super::error::{EndpointFailure, StartError};
use super::state::State;
use super::{Builder, EtcdDirectiveStore, Shared};
use crate::clock::Clock;
use crate::driver::{self, Fallback, Parts, StartFailure};
use crate::kv::Revision;
use crate::mirror::{Digest, Snapshot};
use crate::sink::disk::Disk;
use crate::sink::{NativeCache, Sink};
use crate::status::Board;
use crate::watch::Config;

/// Reading the state directory may take one part in so many of the connect timeout.
const READING_SHARE: u32 = 4;

impl Builder {
    /// Connects, reads the scope, and hands it to the sinks. From then on the store follows by itself.
    ///
    /// Must be called within a Tokio runtime that has its time driver enabled; the store's task runs there.
    ///
    /// # Errors
    ///
    /// [`StartError`] within the connect timeout, if no endpoint could be read from and the store does not start from
    /// disk.
    pub async fn connect(mut self) -> Result<EtcdDirectiveStore, StartError> {
        let connect = self.backend.connector()?;
        let clock = match self.readings.take() {
            Some(readings) => Clock::new(readings),
            None => Clock::system(),
        };
        let clock = clock.ok_or(StartError::NoClock)?;
        let began = tokio::time::Instant::now();
        let path = self.state_directory.take();
        let state = State::open(path, &self.scope, &clock, self.connect_timeout / READING_SHARE).await;
        let clock = state.clock(clock);
        let board = Board::new(Arc::clone(&clock), self.name.clone());
        let disk = state.writer(&clock, &board);
        let cache = Arc::new(NativeCache::new(Arc::new(nothing())));
        let (endpoints, limit) = (connect.endpoints().to_vec(), self.connect_timeout);
        let mut config = self.config(endpoints.len());
        config.connect_timeout = limit.saturating_sub(began.elapsed());
        config.held = state.mirror.lock().header();
        let fallback = state.pulse.filter(|_| self.start_from_disk);
        let no_state = state.error.filter(|_| self.start_from_disk);
        let parts = Parts {
            config,
            connect,
            clock: Arc::clone(&clock),
            board: Arc::clone(&board),
            sinks: std::iter::once(Arc::<NativeCache>::clone(&cache) as Arc<dyn Sink>)
                .chain(self.sinks)
                .collect(),
            strict_start: self.strict_start,
            mirror: state.mirror,
            fallback: fallback.map(|pulse| Fallback { confirmed: pulse.confirmed }),
            writer: disk.as_ref().map(Disk::writer),
            name: self.name,
        };
        let (alive, end) = oneshot::channel();
        let unreachable = || StartFailure::Unreachable(BTreeMap::new());
        match driver::spawn(parts, end).await.unwrap_or_else(|_| Err(unreachable())) {
            Ok(()) => Ok(EtcdDirectiveStore {
                shared: Arc::new(Shared { cache, board, clock, _alive: alive, _disk: disk }),
            }),
            Err(failure) => Err(start_error(failure, &endpoints, limit).with_state(no_state)),
        }
    }

    fn config(&self, endpoints: usize) -> Config {
        let mut config = Config::new(self.scope.clone(), endpoints, fastrand::u64(..));
        config.connect_timeout = self.connect_timeout;
        (config.heartbeat, config.silence_limit) =
            self.heartbeat.unwrap_or((config.heartbeat, config.silence_limit));
        config.verify_every = self.verify_every.unwrap_or(config.verify_every);
        config
    }
}

/// What is in force before anything has been read.
fn nothing() -> Snapshot {
    Snapshot { revision: Revision::ZERO, digest: Digest::of([]), set: Arc::new(DirectiveSet::empty()) }
}

/// Names each endpoint with what happened to it.
pub(crate) fn start_error(failure: StartFailure, endpoints: &[String], limit: Duration) -> StartError {
    match failure {
        StartFailure::Refused(key, refusal) => StartError::Refused { key, refusal },
        StartFailure::Unreachable(mut causes) => StartError::Unreachable {
            limit,
            state: None,
            endpoints: endpoints
                .iter()
                .enumerate()
                .map(|(place, name)| EndpointFailure { endpoint: name.clone(), cause: causes.remove(&place) })
                .collect(),
        },
    }
}
