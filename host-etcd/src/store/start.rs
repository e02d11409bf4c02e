//! How a store is started.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use aldis_core::DirectiveSet;
use tokio::sync::oneshot;

use super::builder::Backend;
use super::error::{EndpointFailure, StartError};
use super::state::State;
use super::{Builder, EtcdDirectiveStore, Shared};
use crate::clock::Clock;
use crate::driver::{self, Parts, StartFailure};
use crate::kv::etcd::EtcdConnector;
use crate::kv::{Connect, Revision};
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
        let clock = match self.readings.take() {
            Some(readings) => Clock::new(readings),
            None => Clock::system(),
        };
        let clock = Arc::new(clock.ok_or(StartError::NoClock)?);
        let connect = match &self.backend {
            Backend::Etcd(options) => Arc::new(EtcdConnector::new(options).map_err(StartError::Options)?),
            Backend::Other(connect) => Arc::clone(connect),
            #[cfg(feature = "relay")]
            Backend::Relay { urls, tls } => {
                return super::relayed::connect(&self, urls, tls.as_ref(), clock).await;
            }
        };
        let began = tokio::time::Instant::now();
        let left = || self.connect_timeout.saturating_sub(began.elapsed());
        let mut state = State::open(self.state_directory.as_deref(), &self.scope, &clock, self.flush_limit);
        state.read_within(self.connect_timeout / READING_SHARE).await;
        let mut attempt = self.attempt(&connect, &clock, &state, left()).await;
        let is_unreachable = matches!(attempt, Err(StartFailure::Unreachable(_)));
        if is_unreachable && self.start_from_disk && state.is_being_read() {
            // The endpoints may have failed at once, and the disk has as long as they had.
            state.read_within(left()).await;
            if state.fallback().is_some() {
                attempt = self.attempt(&connect, &clock, &state, left()).await;
            }
        }
        match attempt {
            Ok(running) => Ok(EtcdDirectiveStore { shared: Arc::new(running.with(state.into_disk())) }),
            Err(failure) => {
                let no_state = state.error().filter(|_| self.start_from_disk);
                Err(start_error(failure, connect.endpoints(), self.connect_timeout).with_state(no_state))
            }
        }
    }

    /// Runs the store's task until it has started or failed to.
    async fn attempt(
        &self,
        connect: &Arc<dyn Connect>,
        clock: &Arc<Clock>,
        state: &State,
        limit: Duration,
    ) -> Result<Running, StartFailure> {
        let board = Board::new(Arc::clone(clock), self.name.clone());
        let (cache, sinks) = self.sinks();
        let mut config = self.config(connect.endpoints().len());
        config.connect_timeout = limit;
        config.held = state.mirror.lock().header();
        let parts = Parts {
            config,
            connect: Arc::clone(connect),
            clock: Arc::clone(clock),
            board: Arc::clone(&board),
            sinks,
            strict_start: self.strict_start,
            mirror: state.mirror.clone(),
            fallback: state.fallback().filter(|_| self.start_from_disk),
            writer: state.writer(&board),
            name: self.name.clone(),
        };
        let (alive, end) = oneshot::channel();
        let unreachable = || StartFailure::Unreachable(BTreeMap::new());
        match driver::spawn(parts, end).await.unwrap_or_else(|_| Err(unreachable())) {
            Ok(()) => Ok(Running { cache, board, clock: Arc::clone(clock), alive }),
            Err(failure) => {
                let mut changes = board.subscribe();
                drop(alive);
                // The mirror is no longer shared with that task when this returns.
                while changes.next().await.is_some() {}
                Err(failure)
            }
        }
    }

    /// The native cache, and all that snapshots are handed to: the cache first.
    pub(super) fn sinks(&self) -> (Arc<NativeCache>, Vec<Arc<dyn Sink>>) {
        let cache = Arc::new(NativeCache::new(Arc::new(nothing())));
        let native = Arc::<NativeCache>::clone(&cache) as Arc<dyn Sink>;
        (cache, std::iter::once(native).chain(self.sinks.iter().cloned()).collect())
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

/// A store's task that has started, and what is shared with it.
pub(super) struct Running {
    pub(super) cache: Arc<NativeCache>,
    pub(super) board: Arc<Board>,
    pub(super) clock: Arc<Clock>,
    pub(super) alive: oneshot::Sender<Infallible>,
}

impl Running {
    pub(super) fn with(self, disk: Option<Disk>) -> Shared {
        let Self { cache, board, clock, alive } = self;
        Shared { cache, board, clock, _alive: alive, _disk: disk }
    }
}

/// What is in force before anything has been read.
fn nothing() -> Snapshot {
    Snapshot::new(Revision::ZERO, Digest::of([]), Arc::new(DirectiveSet::empty()))
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
