//! How a store is configured and started.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aldis_core::DirectiveSet;
use tokio::sync::oneshot;

use super::error::{EndpointFailure, StartError};
use super::{EtcdDirectiveStore, Shared};
use crate::clock::Clock;
use crate::driver::{self, Parts, StartFailure};
use crate::kv::etcd::{EtcdConnector, EtcdOptions, Tls};
use crate::kv::{Connect, Revision, Scope};
use crate::mirror::{Digest, Snapshot};
use crate::sink::{NativeCache, Sink};
use crate::status::Board;
use crate::watch::Config;

/// The key that is watched unless another scope is set.
const DEFAULT_SCOPE: &str = "aldis/directives";

/// How long the start may take unless it is set.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Configures a store. What is not set has a default that suits a production cluster.
#[must_use = "a builder does nothing until it connects"]
pub struct Builder {
    backend: Backend,
    scope: Scope,
    connect_timeout: Duration,
    sinks: Vec<Arc<dyn Sink>>,
    strict_start: bool,
    heartbeat: Option<(Duration, Duration)>,
    verify_every: Option<Duration>,
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
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            sinks: Vec::new(),
            strict_start: false,
            heartbeat: None,
            verify_every: None,
        }
    }

    /// What to watch: a key, or with a trailing `/` all keys that start so, whose documents are merged in key order.
    /// `aldis/directives` unless set.
    pub fn scope(mut self, scope: &str) -> Self {
        self.scope = Scope::parse(scope);
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

    /// Connects, reads the scope, and hands it to the sinks. From then on the store follows by itself.
    ///
    /// Must be called within a Tokio runtime that has its time driver enabled; the store's task runs there.
    ///
    /// # Errors
    ///
    /// [`StartError`] within the connect timeout, if no endpoint could be read from.
    pub async fn connect(self) -> Result<EtcdDirectiveStore, StartError> {
        let clock = Arc::new(Clock::system().ok_or(StartError::NoClock)?);
        let board = Board::new(Arc::clone(&clock));
        let cache = Arc::new(NativeCache::new(Arc::new(nothing())));
        let connect = self.backend.connector()?;
        let (endpoints, limit) = (connect.endpoints().to_vec(), self.connect_timeout);
        let parts = Parts {
            config: self.config(endpoints.len()),
            connect,
            clock: Arc::clone(&clock),
            board: Arc::clone(&board),
            sinks: std::iter::once(Arc::<NativeCache>::clone(&cache) as Arc<dyn Sink>)
                .chain(self.sinks)
                .collect(),
            strict_start: self.strict_start,
        };
        let (alive, end) = oneshot::channel();
        match driver::spawn(parts, end).await {
            Ok(Ok(())) => {
                Ok(EtcdDirectiveStore { shared: Arc::new(Shared { cache, board, clock, _alive: alive }) })
            }
            Ok(Err(failure)) => Err(start_error(failure, &endpoints, limit)),
            Err(_) => Err(start_error(StartFailure::Unreachable(BTreeMap::new()), &endpoints, limit)),
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
