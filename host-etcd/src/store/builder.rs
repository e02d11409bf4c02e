//! How a store is configured and started.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aldis_core::DirectiveSet;
use tokio::sync::oneshot;

use super::error::{EndpointFailure, StartError};
use super::state::State;
use super::{EtcdDirectiveStore, Shared};
use crate::clock::{Clock, Readings};
use crate::driver::{self, Fallback, Parts, StartFailure};
use crate::kv::etcd::{EtcdConnector, EtcdOptions, Tls};
use crate::kv::{Connect, Revision, Scope};
use crate::mirror::{Digest, Snapshot};
use crate::sink::disk::Disk;
use crate::sink::{NativeCache, Sink};
use crate::status::Board;
use crate::watch::Config;

/// The key that is watched unless another scope is set.
const DEFAULT_SCOPE: &str = "aldis/directives";

/// What a store is called unless it is set.
const DEFAULT_NAME: &str = "default";

/// How long the start may take unless it is set.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Reading the state directory may take one part in so many of the connect timeout.
const READING_SHARE: u32 = 4;

/// Configures a store. What is not set has a default that suits a production cluster.
#[must_use = "a builder does nothing until it connects"]
pub struct Builder {
    backend: Backend,
    scope: Scope,
    name: String,
    connect_timeout: Duration,
    sinks: Vec<Arc<dyn Sink>>,
    strict_start: bool,
    heartbeat: Option<(Duration, Duration)>,
    verify_every: Option<Duration>,
    state_directory: Option<PathBuf>,
    start_from_disk: bool,
    readings: Option<Arc<dyn Readings>>,
}

enum Backend {
    Etcd(Box<EtcdOptions>),
    Other(Arc<dyn Connect>),
}

impl Backend {
    fn connector(&self) -> Result<Arc<dyn Connect>, StartError> {
        Ok(match self {
            Self::Etcd(options) => Arc::new(EtcdConnector::new(options).map_err(StartError::Options)?),
            Self::Other(connect) => Arc::clone(connect),
        })
    }
}

impl Builder {
    pub(super) fn etcd<E: Into<String>>(endpoints: impl IntoIterator<Item = E>) -> Self {
        Self::new(Backend::Etcd(Box::new(EtcdOptions::new(endpoints))))
    }

    pub(super) fn over(connect: Arc<dyn Connect>) -> Self {
        Self::new(Backend::Other(connect))
    }

    fn new(backend: Backend) -> Self {
        Self {
            backend,
            scope: Scope::parse(DEFAULT_SCOPE),
            name: DEFAULT_NAME.to_owned(),
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            sinks: Vec::new(),
            strict_start: false,
            heartbeat: None,
            verify_every: None,
            state_directory: None,
            start_from_disk: false,
            readings: None,
        }
    }

    /// What to watch: a key, or with a trailing `/` all keys that start so, whose documents are merged in key order.
    /// `aldis/directives` unless set.
    pub fn scope(mut self, scope: &str) -> Self {
        self.scope = Scope::parse(scope);
        self
    }

    /// What the store is called in metrics and spans; `default` unless set. Where several stores live in one process, each
    /// needs a name of its own.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How long the start may take as a whole; 5 s unless set. Each endpoint has its share, for connecting and for the
    /// first read.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self.etcd_options(|options| options.connect_timeout(limit))
    }

    /// How long each later call to etcd has to be answered; 5 s unless set.
    pub fn request_timeout(self, limit: Duration) -> Self {
        self.etcd_options(|options| options.request_timeout(limit))
    }

    /// How to verify etcd's servers, and who to be for them.
    pub fn tls(self, tls: Tls) -> Self {
        self.etcd_options(|options| options.tls(tls))
    }

    /// User and password for etcd.
    pub fn credentials(self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.etcd_options(|options| options.credentials(user, password))
    }

    /// How often the link to etcd is tried, and how long it has to answer; 6 s and 3 s unless set. Below 5 s etcd would
    /// hang up on healthy links, so the interval is kept at that or more.
    pub fn keepalive(self, interval: Duration, timeout: Duration) -> Self {
        self.etcd_options(|options| options.keepalive(interval, timeout))
    }

    /// How long the watch may say nothing before it is asked for its progress, and before it is taken for dead; 3 s
    /// and 10 s unless set.
    pub fn heartbeat(mut self, ask_after: Duration, dead_after: Duration) -> Self {
        self.heartbeat = Some((ask_after, dead_after));
        self
    }

    /// How often a read verifies what the watch has delivered, give or take a quarter; 60 s unless set.
    pub fn verify_every(mut self, interval: Duration) -> Self {
        self.verify_every = Some(interval);
        self
    }

    /// Hands snapshots to this sink, too. They come behind the native cache, in the order of registration.
    pub fn sink(mut self, sink: Arc<dyn Sink>) -> Self {
        self.sinks.push(sink);
        self
    }

    /// Whether a malformed document is an error at the start. If not, which is the default, its key contributes
    /// nothing and the status shows the refusal.
    pub fn strict_start(mut self, is_strict: bool) -> Self {
        self.strict_start = is_strict;
        self
    }

    /// Keeps the last good state in this directory, so that a restart loses nothing: relative lifetimes go on from where
    /// they began, a key whose newest document is refused keeps its last good one, and what had expired stays so though
    /// the wall clock was set back meanwhile.
    ///
    /// The directory is created if need be, for its owner alone; its files are readable by their owner alone, because
    /// documents may hold the names of tenants. There are two files for each scope, of about three times the size of the
    /// documents together. Stores of any scopes and any processes may share a directory; of two that follow the same scope
    /// the last to write wins. It need not survive longer than the directives live.
    ///
    /// A thread of the store's writes after changes, at most five times a second, and the time about once a minute. A disk that is slow, full or
    /// gone never delays a reader or the watch; its failures are counted in
    /// [`Status::sink_failures`](crate::Status::sink_failures) and tried again. Files that cannot be used are set aside
    /// as `….refused`, [`Status::state_refused`](crate::Status::state_refused) says why, and the store starts without.
    /// Dropping the last handle waits up to half a second for the last write.
    ///
    /// If the cluster is behind what the directory holds, or another one, it is read again a few times, for up to a
    /// second and a half, and then followed; [`Change::ClusterChanged`](crate::Change::ClusterChanged) tells of it.
    ///
    /// To start from nothing, remove the files. That may be needed if the machine's clock was years ahead for a while:
    /// what expired by that clock stays expired until it is published anew, or the files are removed. A state from more
    /// than ten years ahead is not believed in the first place.
    pub fn state_directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.state_directory = Some(path.into());
        self
    }

    /// Whether the store may start with what the state directory holds if no endpoint can be read from: at once where
    /// all of them refuse, otherwise after the connect timeout. It does not unless this is set.
    ///
    /// What was last good is then in force, as far as it has not expired. The state is
    /// [`Stale`](crate::State::Stale), with its age since the last confirmation before the restart, until an endpoint
    /// answers; from then on the store follows as usual. If etcd answers in time this changes nothing.
    pub fn start_from_disk(mut self, may_start: bool) -> Self {
        self.start_from_disk = may_start;
        self
    }

    /// Drives the store's clock by these readings instead of the system's. For tests of how time passes.
    pub fn readings(mut self, readings: Arc<dyn Readings>) -> Self {
        self.readings = Some(readings);
        self
    }

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

    /// Options that mean nothing for other backends.
    fn etcd_options(mut self, set: impl FnOnce(EtcdOptions) -> EtcdOptions) -> Self {
        if let Backend::Etcd(options) = self.backend {
            self.backend = Backend::Etcd(Box::new(set(*options)));
        }
        self
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

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("scope", &self.scope).finish_non_exhaustive()
    }
}
