//! A small reverse proxy that records as much of a request as directives ask for: README.md says how to run it, and the
//! same in Pingora.

mod admin;
mod facts;
mod forward;
mod record;
mod ring;
mod serve;
mod telemetry;

pub use admin::admin;
pub use facts::facts;
pub use forward::Forward;
pub use record::{Record, RecordLayer};
pub use ring::{Exchange, Ring};
pub use serve::serve;
pub use telemetry::{exporter, subscriber};

use aldis_etcd::layer::{Decide, DecideLayer, Head};
use aldis_etcd::{EtcdDirectiveStore, Request};
use http::uri::Authority;
use tower::Layer;

/// The proxy as a service: decide, record, forward.
pub type Proxy = Decide<Record<Forward>, fn(Head<'_>) -> Request<'_>>;

/// A proxy in front of this upstream, that records by what this store holds and keeps exchanges in this ring.
#[must_use]
pub fn proxy(upstream: Authority, store: EtcdDirectiveStore, ring: Ring) -> Proxy {
    let mapping: fn(Head<'_>) -> Request<'_> = facts;
    DecideLayer::new(store, mapping).layer(RecordLayer::new(ring).layer(Forward::to(upstream)))
}
