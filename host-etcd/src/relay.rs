//! The relay: what a store holds, over HTTP/1.1, for those that cannot speak to etcd: filters in Envoy, browsers,
//! scripts, other relays.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/directives` | the set as a document that can be published again unchanged, lifetimes absolute |
//! | `GET /v1/image` | the set as an image, which [`DirectiveSet::from_image`](crate::DirectiveSet::from_image) takes |
//! | `GET /v1/events` | the changes as server-sent events, resumed after `Last-Event-ID` where that is still known |
//! | `POST /v1/check` | a document's validity, as `aldis check --format json` says it |
//! | `POST /v1/eval` | a decision, as `aldis eval --format json` says it; the body is `{"request":{…},"now","document","anchor","explain"}` |
//! | `PUT /v1/directives` | publishes the body, as `aldis publish --format json` says it; `If-Match` compares and swaps |
//! | `GET`, `POST /admin/directives` | the same in the manner of the reference: its status codes, its reasons |
//! | `GET /healthz` | 200 while the process answers |
//! | `GET /readyz` | 200 once the source has confirmed what is in force, and not too long ago |
//! | `GET /status` | what the store knows about itself |
//! | `GET /` | the page for people, where [`Relay::page`] gives it one |
//! | `GET /metrics` | what is counted, as Prometheus reads it |
//!
//! The two that give the set carry an `ETag` and the headers `aldis-revision`, `aldis-digest`, `aldis-cluster` and
//! `aldis-state` (as of a store: `starting`, `live`, `stale` or `stopped`). With `If-None-Match` the answer to the same set is 304, and with `?wait=30s` it is held back until there is
//! another set, another state, or the time is up. A wait is at most [`Limits::wait`], whatever is asked for.
//!
//! Any no is `{"error":{"reason","message"}}`; reasons are stable. Reading needs no token: whoever reaches the address
//! reads directives, which may hold the names of tenants. Publishing needs one, and TLS or a peer on loopback.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::store::{DEFAULT_SCOPE, EtcdDirectiveStore};

mod admin;
mod ask;
mod body;
mod deliver;
mod events;
mod hub;
mod listen;
mod page;
mod parameters;
mod probe;
mod problem;
mod publish;
mod routes;
mod tags;
mod tls;
mod token;

use hub::Hub;

pub use page::Page;
pub use publish::Publishing;
pub use tls::{ServerTls, TlsError};
pub use token::Tokens;

/// What one relay lets its clients have of it. Each bound is there so that no client, be it slow, silent or hostile, is
/// noticed by the others.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time. One more is closed as soon as it is accepted.
    pub connections: usize,
    /// Until the head of a request has come, TLS included; a connection that rests for longer is closed, too.
    pub head: Duration,
    /// Until the body of a request has come.
    pub body: Duration,
    /// Large bodies that are read and judged at a time, of up to 16 MiB each; others wait for their turn. As many again
    /// of those who may publish.
    pub bodies: usize,
    /// The longest that an answer is held back for news.
    pub wait: Duration,
    /// How long the last confirmation may lie back in a relay that is ready.
    pub stale: Duration,
    /// Until a peer has acknowledged what was sent; then its connection is closed.
    pub unacknowledged: Duration,
    /// How long a relay that ends waits for the requests under way.
    pub drain: Duration,
}

impl Limits {
    /// For a relay that feeds some thousands of clients.
    pub const STANDARD: Self = Self {
        connections: 10_000,
        head: Duration::from_secs(20),
        body: Duration::from_secs(10),
        bodies: 8,
        wait: Duration::from_secs(60),
        stale: Duration::from_secs(300),
        unacknowledged: Duration::from_secs(30),
        drain: Duration::from_secs(10),
    };
}

/// Renders what is counted as Prometheus reads it.
pub type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// Serves what a store holds.
#[must_use = "a relay does nothing until it serves"]
pub struct Relay {
    store: EtcdDirectiveStore,
    limits: Limits,
    tls: Option<ServerTls>,
    publishing: Option<Publishing>,
    render: Option<Render>,
    page: Option<Page>,
    digest_key: Vec<u8>,
}

/// What every request is answered from.
struct Shared {
    store: EtcdDirectiveStore,
    hub: Arc<Hub>,
    limits: Limits,
    publishing: Option<Publishing>,
    render: Option<Render>,
    page: Option<Page>,
    digest_key: Vec<u8>,
    /// One permit for each large body of anybody that may be in memory, and of those who may publish: nobody without a
    /// token can keep them waiting.
    bodies: Semaphore,
    drafts: Semaphore,
}

impl Relay {
    /// A relay over this store: it only reads, in plain text, with the usual limits.
    pub fn new(store: EtcdDirectiveStore) -> Self {
        let digest_key = DEFAULT_SCOPE.into();
        let limits = Limits::STANDARD;
        Self { store, limits, tls: None, publishing: None, render: None, page: None, digest_key }
    }

    /// Other limits.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// TLS for every connection.
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Lets those publish who have a token.
    pub fn publishing(mut self, publishing: Publishing) -> Self {
        self.publishing = Some(publishing);
        self
    }

    /// Answers `/metrics` with this.
    pub fn metrics(mut self, render: Render) -> Self {
        self.render = Some(render);
        self
    }

    /// Serves this page at `/`.
    pub fn page(mut self, page: Page) -> Self {
        self.page = Some(page);
        self
    }

    /// The key for which `/v1/check` computes digests; `aldis/directives` unless set.
    pub fn digest_key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.digest_key = key.into();
        self
    }

    /// Serves until `end` completes: then it accepts nobody any more, answers those who wait, ends the streams of events,
    /// and gives what is under way its time.
    ///
    /// Must be called within a Tokio runtime that has its I/O and time drivers enabled.
    ///
    /// # Errors
    ///
    /// If the address of the listener is not to be had. A connection that fails is not an error.
    pub async fn serve(self, listener: TcpListener, end: impl Future<Output = ()>) -> io::Result<()> {
        let hub = Arc::new(Hub::new(&self.store));
        let shared = Arc::new(Shared {
            bodies: Semaphore::new(self.limits.bodies),
            drafts: Semaphore::new(self.limits.bodies),
            hub: Arc::clone(&hub),
            store: self.store.clone(),
            limits: self.limits,
            publishing: self.publishing,
            render: self.render,
            page: self.page,
            digest_key: self.digest_key,
        });
        // In one task, so that with this future all of it is gone.
        tokio::select! {
            served = listen::serve(&shared, self.tls, listener, end) => served,
            never = hub::follow(&hub, &self.store) => match never {},
        }
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("store", &self.store)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
