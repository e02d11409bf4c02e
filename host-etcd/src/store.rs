//! The store that a proxy uses.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use aldis_core::{Decision, DirectiveSet, DirectiveStore, Request, UnixMillis};
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::kv::Connect;
use crate::mirror::Snapshot;
use crate::sink::disk::Disk;
use crate::sink::{NativeCache, NativeReader};
use crate::status::{Board, Changes, Status};

mod builder;
mod error;
#[cfg(feature = "relay")]
mod relayed;
mod start;
mod state;

pub(crate) use start::start_error;

pub use builder::{Builder, DEFAULT_SCOPE};
pub use error::{EndpointFailure, StartError};

/// A local copy of the directives that are published under etcd, kept fresh by a watch.
///
/// A handle: clones share one task, one connection and one copy. Dropping the last of the handles and [`Reader`]s ends
/// the task, the watch and the connection.
///
/// ```no_run
/// # async fn proxy() -> Result<(), aldis_etcd::StartError> {
/// use aldis_etcd::{EtcdDirectiveStore, Request};
///
/// let store = EtcdDirectiveStore::builder(["http://127.0.0.1:2379"])
///     .scope("aldis/directives")
///     .connect()
///     .await?;
/// let mut reader = store.reader(); // one per worker
/// let decision = reader.decide(&Request { tenant: Some("acme"), ..Request::EMPTY });
/// # let _ = decision;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct EtcdDirectiveStore {
    shared: Arc<Shared>,
}

struct Shared {
    cache: Arc<NativeCache>,
    board: Arc<Board>,
    clock: Arc<Clock>,
    /// Dropped with the last handle, which ends the task.
    _alive: oneshot::Sender<Infallible>,
    /// Dropped after that, and waits a little for its last write.
    _disk: Option<Disk>,
}

impl EtcdDirectiveStore {
    /// A store over these etcd endpoints, which are tried in this order: `http://host:port`, `https://host:port`.
    pub fn builder<E: Into<String>>(endpoints: impl IntoIterator<Item = E>) -> Builder {
        Builder::etcd(endpoints)
    }

    /// A store over any backend, such as [`MemoryKv`](crate::kv::memory::MemoryKv) or an
    /// [`EtcdConnector`](crate::kv::etcd::EtcdConnector).
    pub fn over(connect: Arc<dyn Connect>) -> Builder {
        Builder::over(connect)
    }

    /// A store that follows a relay instead of etcd; of several, which are tried in this order, one at a time:
    /// `http://host:port`, `https://host:port`. Revision and digest are those of the relay.
    ///
    /// A relay has the scope that it was started with, so [`Builder::scope`] means nothing here, and what is said of
    /// etcd's connections and of verifying reads neither. It keeps the last good state, so there is no
    /// [state directory](Builder::state_directory).
    #[cfg(feature = "relay")]
    pub fn relay<E: Into<String>>(urls: impl IntoIterator<Item = E>) -> Builder {
        Builder::relay(urls)
    }

    /// A reader for one worker.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader { cache: self.shared.cache.reader(), store: self.clone() }
    }

    /// The present snapshot, kept alive by the caller.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.cache.load()
    }

    /// Looks at the present snapshot without keeping it: unlike [`snapshot`](Self::snapshot) that touches no count that
    /// all threads share. For where a [`Reader`] cannot be kept; it should not take long.
    pub fn with_snapshot<T>(&self, look: impl FnOnce(&Arc<Snapshot>) -> T) -> T {
        self.shared.cache.with(look)
    }

    /// What the store knows about itself. Takes a lock that requests do not.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.board.status()
    }

    /// What changes from now on, and the status from which that counts. Does not keep the store alive.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.shared.board.subscribe()
    }

    /// The store's clock, by which directives begin and end.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// The time by that clock: what to hand to [`DirectiveSet::evaluate`].
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.shared.clock.now()
    }
}

/// Touches a count that all threads share; a [`Reader`] does not.
impl DirectiveStore for EtcdDirectiveStore {
    fn load(&self) -> Arc<DirectiveSet> {
        self.shared.cache.load_set()
    }
}

impl fmt::Debug for EtcdDirectiveStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdDirectiveStore").field("status", &self.status()).finish()
    }
}

/// One worker's view of a store. Each load is one atomic read: no I/O, no lock, no allocation, no shared count.
///
/// Keeps the store alive, and the snapshot that it saw last until its next load.
#[derive(Clone, Debug)]
pub struct Reader {
    cache: NativeReader,
    store: EtcdDirectiveStore,
}

impl Reader {
    /// The present set.
    #[inline]
    pub fn load(&mut self) -> &DirectiveSet {
        self.cache.load()
    }

    /// The present snapshot.
    #[inline]
    pub fn snapshot(&mut self) -> &Snapshot {
        self.cache.snapshot()
    }

    /// The time by the store's clock.
    #[inline]
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.store.now()
    }

    /// Decides about one request, now. With nothing published it does not even read the clock.
    #[inline]
    pub fn decide(&mut self, request: &Request<'_>) -> Decision {
        let set = self.cache.load();
        if set.is_empty() {
            return Decision::OFF;
        }
        set.evaluate(request, self.store.shared.clock.now())
    }
}
