//! A sink that hands what is in force to the store of `osproxy-observe` 1.0.5: a proxy that asks that store gets our watch,
//! our decoder and our status, and changes nothing in the way of its requests. README.md says when that is worth it.

mod translate;

use std::fmt;
use std::sync::Arc;

use aldis_etcd::clock::Clock;
use aldis_etcd::{Sink, SinkError, Snapshot};
use osproxy_observe::InMemoryDirectiveStore;

pub use translate::{Inexpressible, translate};

/// Publishes each snapshot to a store of the reference.
pub struct ReferenceSink {
    store: Arc<InMemoryDirectiveStore>,
    /// The proxy's own clock, by which the reference ends directives.
    theirs: Arc<dyn osproxy_core::Clock>,
    ours: Clock,
}

impl ReferenceSink {
    /// Publishes to this store, whose proxy reads this clock; `None` if the machine does not know the time.
    #[must_use]
    pub fn new(store: Arc<InMemoryDirectiveStore>, clock: Arc<dyn osproxy_core::Clock>) -> Option<Self> {
        Some(Self { store, theirs: clock, ours: Clock::system()? })
    }
}

impl Sink for ReferenceSink {
    fn name(&self) -> &'static str {
        "osproxy"
    }

    /// Fails where the set holds what the reference cannot say; the store then keeps what it had.
    fn apply(&self, snapshot: &Arc<Snapshot>) -> Result<(), SinkError> {
        let set = translate(&snapshot.set, self.ours.now(), self.theirs.now());
        self.store.publish(set.map_err(|cause| SinkError::new(cause.to_string()))?);
        Ok(())
    }
}

impl fmt::Debug for ReferenceSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReferenceSink").field("store", &self.store).finish_non_exhaustive()
    }
}

/// The sample of the page, held to compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Page;
