//! A [`tower`](https://docs.rs/tower) layer that decides once about each request, for axum, tonic, hyper and whatever else
//! speaks `http`.
//!
//! ```no_run
//! use aldis_etcd::layer::{DecideLayer, Decided, Head};
//! use aldis_etcd::{EtcdDirectiveStore, Request};
//!
//! fn facts(head: Head<'_>) -> Request<'_> {
//!     Request { tenant: head.header("x-tenant"), request_id: head.header("x-request-id"), ..Request::EMPTY }
//! }
//!
//! fn layer(store: EtcdDirectiveStore) -> DecideLayer<fn(Head<'_>) -> Request<'_>> {
//!     DecideLayer::new(store, facts)
//! }
//!
//! // Behind it, wherever the request is at hand:
//! fn is_captured<B>(request: &http::Request<B>) -> bool {
//!     Decided::of(request.extensions()).capture()
//! }
//! ```
//!
//! What is decided stands in the request's extensions as [`Decided`], with the revision, the digest and the directive's
//! id, and in the fields of a span around whatever handles the request: `aldis.level`, `aldis.decided_by`,
//! `aldis.revision`, `aldis.ring_buffer`, `aldis.capture`. With [`DecisionFilter`] a subscriber records more, or less, of
//! what happens inside it.
//!
//! While a request is plain off nothing is put anywhere and nothing is allocated: it costs a load, the mapping, a reading
//! of the clock, and the evaluation; with nothing published, the load alone.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use aldis_core::Decision;
use tower_layer::Layer;
use tower_service::Service;
use tracing::Span;
use tracing::instrument::{Instrument, Instrumented};

use crate::mirror::Snapshot;
use crate::store::EtcdDirectiveStore;

mod decided;
mod filter;
mod head;
mod span;

pub use decided::Decided;
pub use filter::DecisionFilter;
pub use head::{Head, Mapping};

/// Puts a decision beside each request.
#[derive(Clone)]
pub struct DecideLayer<M> {
    store: EtcdDirectiveStore,
    mapping: M,
}

impl<M: Mapping> DecideLayer<M> {
    /// Decides by what this store holds, on the facts that the mapping finds in a request.
    pub const fn new(store: EtcdDirectiveStore, mapping: M) -> Self {
        Self { store, mapping }
    }
}

impl<S, M: Clone> Layer<S> for DecideLayer<M> {
    type Service = Decide<S, M>;

    fn layer(&self, inner: S) -> Self::Service {
        Decide { inner, store: self.store.clone(), mapping: self.mapping.clone() }
    }
}

/// A service before which requests are decided about.
#[derive(Clone)]
pub struct Decide<S, M> {
    inner: S,
    store: EtcdDirectiveStore,
    mapping: M,
}

impl<S, M, B> Service<http::Request<B>> for Decide<S, M>
where
    S: Service<http::Request<B>>,
    M: Mapping,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Instrumented<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<B>) -> Self::Future {
        // A decision that came with the request is not ours: it was decided by other directives.
        request.extensions_mut().remove::<Decided>();
        let Some(decided) = self.decide(&Head::of(&request)) else {
            return self.inner.call(request).instrument(Span::none());
        };
        let span = span::of(&decided);
        request.extensions_mut().insert(decided);
        let handling = span.in_scope(|| self.inner.call(request));
        handling.instrument(span)
    }
}

impl<S, M: Mapping> Decide<S, M> {
    /// `None` if the request is plain off.
    fn decide(&self, head: &Head<'_>) -> Option<Decided> {
        self.store.with_snapshot(|snapshot: &Arc<Snapshot>| {
            if snapshot.set.is_empty() {
                return None;
            }
            let now = self.store.now();
            let decision = self.mapping.with(*head, |request| snapshot.set.evaluate(request, now));
            (decision != Decision::OFF).then(|| Decided::new(decision, Arc::clone(snapshot)))
        })
    }
}

impl<M> fmt::Debug for DecideLayer<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecideLayer").field("store", &self.store).finish_non_exhaustive()
    }
}

impl<S: fmt::Debug, M> fmt::Debug for Decide<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decide")
            .field("inner", &self.inner)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
