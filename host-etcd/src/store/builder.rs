//! How a store is configured.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Readings;
use crate::kv::etcd::{EtcdOptions, Tls};
use crate::kv::{Connect, Scope};
use crate::sink::Sink;

/// The key that is watched, and published under, unless another is named.
pub const DEFAULT_SCOPE: &str = "aldis/directives";

/// What a store is called unless it is set.
const DEFAULT_NAME: &str = "default";

/// How long the start may take unless it is set.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long dropping a store waits for the disk unless it is set. A healthy one needs milliseconds.
const DEFAULT_FLUSH_LIMIT: Duration = Duration::from_millis(500);

/// Configures a store. What is not set has a default that suits a production cluster.
#[must_use = "a builder does nothing until it connects"]
pub struct Builder {
    pub(super) backend: Backend,
    pub(super) scope: Scope,
    pub(super) name: String,
    pub(super) connect_timeout: Duration,
    pub(super) sinks: Vec<Arc<dyn Sink>>,
    pub(super) strict_start: bool,
    pub(super) heartbeat: Option<(Duration, Duration)>,
    pub(super) verify_every: Option<Duration>,
    pub(super) state_directory: Option<PathBuf>,
    pub(super) start_from_disk: bool,
    pub(super) flush_limit: Duration,
    pub(super) readings: Option<Arc<dyn Readings>>,
}

pub(super) enum Backend {
    Etcd(Box<EtcdOptions>),
    Other(Arc<dyn Connect>),
    #[cfg(feature = "relay")]
    Relay {
        urls: Vec<String>,
        tls: Option<Tls>,
    },
}

impl Builder {
    pub(super) fn etcd<E: Into<String>>(endpoints: impl IntoIterator<Item = E>) -> Self {
        Self::new(Backend::Etcd(Box::new(EtcdOptions::new(endpoints))))
    }

    pub(super) fn over(connect: Arc<dyn Connect>) -> Self {
        Self::new(Backend::Other(connect))
    }

    #[cfg(feature = "relay")]
    pub(super) fn relay<E: Into<String>>(urls: impl IntoIterator<Item = E>) -> Self {
        Self::new(Backend::Relay { urls: urls.into_iter().map(Into::into).collect(), tls: None })
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
            flush_limit: DEFAULT_FLUSH_LIMIT,
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
    /// first read: of three endpoints 1.6 s each, which is about ten round trips of a link across the world, and too little
    /// for a scope of many megabytes over a slow one. Later, connecting may take longer, and reading as long as it must.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self.etcd_options(|options| options.connect_timeout(limit))
    }

    /// How long each later call to etcd has to be answered; 5 s unless set. An answer must have come whole by then: a
    /// value of 1.4 MB takes a link of 280 kB/s. On a slower one raise this, the [`heartbeat`](Self::heartbeat)'s limit
    /// and the [`keepalive`](Self::keepalive)'s, or publish smaller documents under a prefix.
    pub fn request_timeout(self, limit: Duration) -> Self {
        self.etcd_options(|options| options.request_timeout(limit))
    }

    /// How to verify the servers, and who to be for them.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.backend = match self.backend {
            Backend::Etcd(options) => Backend::Etcd(Box::new(options.tls(tls))),
            #[cfg(feature = "relay")]
            Backend::Relay { urls, .. } => Backend::Relay { urls, tls: Some(tls) },
            other @ Backend::Other(_) => other,
        };
        self
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

    /// How often the watch is asked for its progress, and how long it may say nothing before it is taken for dead; 3 s
    /// and 10 s unless set. One that delivers but does not answer for so long is behind: it stays, and is not live.
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
    /// documents together. It need not survive longer than the directives live.
    ///
    /// Stores of any scopes may share a directory. Of two that follow the same scope, in whatever processes, the last to
    /// write wins: they must follow the same cluster, and a relative lifetime may go on from when the other has first seen
    /// it, which is later if that one was cut off. Where that matters, give each a directory of its own.
    ///
    /// A thread of the store's writes after changes, at most five times a second, and the time about once a minute. A disk that is slow, full or
    /// gone never delays a reader or the watch; its failures are counted in
    /// [`Status::sink_failures`](crate::Status::sink_failures) and tried again. Files that cannot be used are set aside
    /// as `….refused`, [`Status::state_refused`](crate::Status::state_refused) says why, and the store starts without.
    /// Dropping the last handle waits a little for the last write, up to the [`flush_limit`](Self::flush_limit). Of a
    /// failure that goes on only the beginning is logged.
    ///
    /// A disk that takes longer than a quarter of the connect timeout to be read does not hold up the start. What it says
    /// later is taken in when it comes, and nothing is written before: relative lifetimes then go on from where they
    /// began, and what had expired is off again.
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

    /// How long dropping the last handle waits for the last write to the state directory, on the thread that drops it;
    /// half a second unless set. What comes later is written all the same, if the process lives that long.
    pub fn flush_limit(mut self, limit: Duration) -> Self {
        self.flush_limit = limit;
        self
    }

    /// Drives the store's clock by these readings instead of the system's. For tests of how time passes.
    pub fn readings(mut self, readings: Arc<dyn Readings>) -> Self {
        self.readings = Some(readings);
        self
    }

    /// Options that mean nothing for other backends.
    fn etcd_options(mut self, set: impl FnOnce(EtcdOptions) -> EtcdOptions) -> Self {
        if let Backend::Etcd(options) = self.backend {
            self.backend = Backend::Etcd(Box::new(set(*options)));
        }
        self
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("scope", &self.scope).finish_non_exhaustive()
    }
}
