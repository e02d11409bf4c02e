//! How directives on demand are configured.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::gate::Gate;
use super::known::{Known, heaviest, weight};
use super::reads::Reads;
use super::{FetchCache, OnDemandDirectives, TenantDirectives};
use crate::clock::{Clock, Readings};
use crate::kv::KvReader;
use crate::store::StartError;

/// Bytes that an answer costs whatever the set: counts, and the cache's own.
const ANSWER_BYTES: usize = 512;

/// The least capacity that can be set: a few documents.
const LEAST_CAPACITY: u64 = 1 << 20;

/// Configures directives on demand. What is not set has a default that suits a busy proxy.
#[must_use = "a builder does nothing until it builds"]
pub struct OnDemandBuilder {
    reader: Arc<dyn KvReader>,
    prefix: String,
    ttl: Duration,
    capacity: u64,
    deadline: Duration,
    stale_limit: Duration,
    concurrent_reads: usize,
    reads_per_second: u32,
    readings: Option<Arc<dyn Readings>>,
}

impl OnDemandBuilder {
    pub(super) fn new(reader: Arc<dyn KvReader>, prefix: &str) -> Self {
        let separator = if prefix.ends_with('/') { "" } else { "/" };
        Self {
            reader,
            prefix: format!("{prefix}{separator}"),
            ttl: Duration::from_secs(30),
            capacity: 64 << 20,
            deadline: Duration::from_secs(1),
            stale_limit: Duration::from_secs(3600),
            concurrent_reads: 32,
            reads_per_second: 1000,
            readings: None,
        }
    }

    /// How long a tenant is answered from memory; 30 s unless set. So long it may take until a change shows, an "off"
    /// included.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Bytes for the answers in memory, and as many again for the documents that are remembered beyond that; 64 MiB
    /// unless set, 1 MiB at least. No document counts more than an eighth, so that each can be kept.
    pub fn capacity(mut self, bytes: u64) -> Self {
        self.capacity = bytes.max(LEAST_CAPACITY);
        self
    }

    /// How long a request waits for a read at most; 1 s unless set. The reader's own request timeout should be no
    /// longer: by that it notices a connection that does not answer any more.
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.deadline = limit;
        self
    }

    /// For how long after it was confirmed last a tenant's set is handed out while it cannot be confirmed; an hour
    /// unless set. Its directives end when they say, if that is sooner.
    pub fn stale_limit(mut self, limit: Duration) -> Self {
        self.stale_limit = limit;
        self
    }

    /// How many tenants are read at once; 32 unless set, 1 at least. A quarter of them are for tenants only that are known
    /// to have a document.
    pub fn concurrent_reads(mut self, count: usize) -> Self {
        self.concurrent_reads = count;
        self
    }

    /// How many tenants are read in a second, on the average; 1000 unless set, 1 at least. Has to be above the number
    /// of tenants that are active within a lifetime, divided by its seconds. A second's worth may come at once, and half a
    /// second's more of tenants that are known to have a document.
    pub fn reads_per_second(mut self, count: u32) -> Self {
        self.reads_per_second = count;
        self
    }

    /// Drives the clock by these readings instead of the system's. For tests of how time passes.
    pub fn readings(mut self, readings: Arc<dyn Readings>) -> Self {
        self.readings = Some(readings);
        self
    }

    /// Directives on demand. Reads nothing yet.
    ///
    /// Must be called within a Tokio runtime that has its time driver enabled; so must every load.
    ///
    /// # Errors
    ///
    /// [`StartError::NoClock`] if the machine does not know the time.
    pub fn build(self) -> Result<OnDemandDirectives, StartError> {
        let clock = match self.readings {
            Some(readings) => Clock::new(readings),
            None => Clock::system(),
        };
        let heaviest = heaviest(self.capacity);
        let weigher = move |tenant: &String, directives: &Arc<TenantDirectives>| {
            let bytes = tenant.len().saturating_add(directives.set.as_image().len());
            weight(bytes.saturating_add(ANSWER_BYTES), heaviest)
        };
        let reads = Reads {
            reader: self.reader,
            prefix: self.prefix,
            gate: Gate::new(self.concurrent_reads, self.reads_per_second, fastrand::u64(..)),
            known: Known::new(self.capacity),
            clock: clock.ok_or(StartError::NoClock)?,
            deadline: self.deadline,
            stale_limit: self.stale_limit,
        };
        let fresh = FetchCache::weighted(self.ttl, self.capacity, weigher);
        Ok(OnDemandDirectives { fresh, reads: Arc::new(reads) })
    }
}

/// Not the prefix: it is nobody's business in a log.
impl fmt::Debug for OnDemandBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnDemandBuilder").finish_non_exhaustive()
    }
}
