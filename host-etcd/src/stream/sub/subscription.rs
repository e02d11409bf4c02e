//! The consumer's end: how a subscription is configured, started, read and ended.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use tokio::sync::{mpsc, oneshot};
use tracing::{Instrument, info_span};

use super::burst::Burst;
use super::feed::Feed;
use super::status::{Board, SubStatus};
use crate::driver::{Start, StartFailure, follow};
use crate::kv::{Connect, Scope};
use crate::store::{StartError, start_error};
use crate::watch::Config;

/// Bursts that wait for their consumer unless set otherwise. Of usual transactions this is some kilobytes; etcd's
/// limits allow 1.5 MiB each.
const DEFAULT_CAPACITY: usize = 16;

/// Subscribes to a scope with the defaults; see [`Subscription::builder`] for others.
///
/// The first burst is the [`Snapshot`](super::BurstKind::Snapshot), and has been read when this returns.
///
/// Must be called within a Tokio runtime that has its time driver enabled; the subscription's task runs there.
///
/// # Errors
///
/// [`StartError::Unreachable`] within the connect timeout, if no endpoint could be read from.
pub async fn etcd_sub(connect: Arc<dyn Connect>, scope: Scope) -> Result<Subscription, StartError> {
    Subscription::builder(connect, scope).start().await
}

/// A scope as a stream of [`Burst`]s.
///
/// * **Complete.** No gap and no duplicate: a list at revision R, a watch from R + 1, and after a reconnect from behind
///   what was delivered last.
/// * **Lasting.** It ends only with the runtime. Cuts, restarts, black holes, cancels and expired tokens cost a
///   reconnect. What happened meanwhile comes as events, or as one [`Difference`](super::BurstKind::Difference) if the
///   events are gone. A cluster that was restored, wiped or replaced is followed, and
///   [named](super::BurstKind::NewIncarnation). About once a minute a read verifies what was delivered.
/// * **Held back by its consumer.** Bursts wait in a bounded queue. While that is full nothing is read, nothing is
///   dropped, and no memory grows; etcd keeps its own history until it is compacted. A pause of minutes need not cost
///   the connection.
///
/// It remembers key, revision and a hash of the value, some 60 bytes beside each key, but no values.
///
/// Dropping it ends its task, the watch and the connection.
pub struct Subscription {
    receiver: mpsc::Receiver<Burst>,
    board: Arc<Board>,
    /// Dropped with the subscription, which ends the task.
    _alive: oneshot::Sender<Infallible>,
}

impl Subscription {
    /// A subscription to `scope` over any backend, such as an [`EtcdConnector`](crate::kv::etcd::EtcdConnector) or
    /// [`MemoryKv`](crate::kv::memory::MemoryKv).
    pub fn builder(connect: Arc<dyn Connect>, scope: Scope) -> SubscriptionBuilder {
        let config = Config::new(scope, connect.endpoints().len(), fastrand::u64(..));
        SubscriptionBuilder { connect, config, capacity: DEFAULT_CAPACITY }
    }

    /// The next burst; `None` only if the runtime has ended the task. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Burst> {
        self.receiver.recv().await
    }

    /// What the subscription knows about itself.
    #[must_use]
    pub fn status(&self) -> SubStatus {
        self.board.status()
    }
}

impl Stream for Subscription {
    type Item = Burst;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Burst>> {
        self.receiver.poll_recv(context)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// Configures a subscription. What is not set has a default that suits a production cluster.
#[must_use = "a builder does nothing until it starts"]
pub struct SubscriptionBuilder {
    connect: Arc<dyn Connect>,
    config: Config,
    capacity: usize,
}

impl SubscriptionBuilder {
    /// How many bursts may wait for the consumer, at least one; 16 unless set.
    pub fn capacity(mut self, bursts: usize) -> Self {
        self.capacity = bursts.max(1);
        self
    }

    /// How long the start may take as a whole; 5 s unless set. Each endpoint has its share, for connecting and for the
    /// first read. The backend's own bound for connecting applies beside it.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.config.connect_timeout = limit;
        self
    }

    /// How often the watch is asked for its progress, and how long it may say nothing before it is taken for dead; 3 s
    /// and 10 s unless set. One that delivers but does not answer for so long is behind: it stays, and is not live.
    pub fn heartbeat(mut self, ask_after: Duration, dead_after: Duration) -> Self {
        self.config.heartbeat = ask_after;
        self.config.silence_limit = dead_after;
        self
    }

    /// How often a read verifies what was delivered, give or take a quarter; 60 s unless set.
    pub fn verify_every(mut self, interval: Duration) -> Self {
        self.config.verify_every = interval;
        self
    }

    /// Connects and reads the scope, as [`etcd_sub`] does.
    ///
    /// # Errors
    ///
    /// Those of [`etcd_sub`].
    pub async fn start(self) -> Result<Subscription, StartError> {
        let (endpoints, limit) = (self.connect.endpoints().to_vec(), self.config.connect_timeout);
        let (sender, receiver) = mpsc::channel(self.capacity);
        let (alive, end) = oneshot::channel();
        let (start, started) = Start::new(endpoints.len());
        let board = Arc::new(Board::new());
        let feed = Feed::new(sender, Arc::clone(&board), start);
        tokio::spawn(follow(self.connect, self.config, feed, end).instrument(info_span!("aldis_sub")));
        match started.await.unwrap_or_else(|_| Err(StartFailure::Unreachable(BTreeMap::new()))) {
            Ok(()) => Ok(Subscription { receiver, board, _alive: alive }),
            Err(failure) => Err(start_error(failure, &endpoints, limit)),
        }
    }
}

impl fmt::Debug for SubscriptionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscriptionBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}
