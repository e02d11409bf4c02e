//! Directives that are fetched at first need, a document for each tenant: for fleets with more tenants than an
//! instance should watch.
//!
//! Under a prefix lies one document for each tenant that has one. The first request of a tenant has it read, and for a
//! while all its requests are answered from memory. What holds:
//!
//! * **A tenant without a document** has the empty set; that is cached like any other and no error.
//! * **A malformed document** leaves the tenant's last good one in force, as far as it is known, else the empty set,
//!   with the refusal beside it. It is not read again before its lifetime ends.
//! * **In an outage** the last good set of a tenant is handed out and says so, until it has not been confirmed for the
//!   [stale limit](OnDemandBuilder::stale_limit). Its directives end when they would have ended. A read that failed is
//!   not repeated at once: for some time, jittered and growing, nobody tries.
//! * **Relative lifetimes** count from when the document's revision was first seen, however often it is read again, by
//!   the rules of the [mirror](crate::mirror). The memory for that is bounded: of more documents than
//!   [fit](OnDemandBuilder::capacity), those that were not asked for longest are forgotten, and count anew when they are;
//!   so do all of them after a restart. A document with `expires_at`, as `aldis publish` writes it, needs no memory.
//! * **Tenants are untrusted input**: of 1 to 256 bytes, and each names one key directly under the prefix
//!   ([`OnDemandDirectives::key`]). However many a stranger makes up, the memory is bounded, what is asked for often
//!   stays in it, and etcd sees no more than so many reads [at once](OnDemandBuilder::concurrent_reads) and
//!   [a second](OnDemandBuilder::reads_per_second); the rest is answered as in an outage, without waiting. Part of these
//!   reads is kept for tenants that are known to have a document.
//!
//! A tenant's document is consulted for its requests only, and applies as written: a directive without a target takes
//! all of them, one for another tenant takes none of them.
//!
//! This is not for every proxy. A request may wait for a read of etcd; a change shows within a lifetime, not at once.
//! Up to some ten thousand tenants, one watched prefix is better.

use std::fmt;
use std::sync::Arc;

use aldis_core::{Decision, DirectiveSet, Request, UnixMillis};

use crate::clock::Clock;
use crate::fetch_cache::{CacheOutcome, FetchCache, FetchError};
use crate::kv::{Key, KvReader, Revision};
use crate::meter;
use crate::mirror::{Digest, Refusal};

mod builder;
mod gate;
mod known;
mod outcome;
mod reads;
mod tenant;

use reads::Reads;

pub use builder::OnDemandBuilder;
pub use outcome::{FetchOutcome, LoadError};

/// Directives of tenants, fetched at first need. Clones are handles to the same.
///
/// ```no_run
/// # async fn proxy() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
///
/// use aldis_etcd::kv::etcd::{EtcdKv, EtcdOptions};
/// use aldis_etcd::{OnDemandDirectives, Request};
///
/// let kv = EtcdKv::connect(&EtcdOptions::new(["http://127.0.0.1:2379"])).await?;
/// let on_demand = OnDemandDirectives::over(Arc::new(kv), "aldis/tenants/").build()?;
/// let request = Request { tenant: Some("acme"), ..Request::EMPTY };
/// let decision = on_demand.decide("acme", &request).await;
/// # let _ = decision;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct OnDemandDirectives {
    fresh: FetchCache<String, Arc<TenantDirectives>, FetchOutcome, LoadError>,
    reads: Arc<Reads>,
}

/// What is in force for one tenant. Holds no name of a tenant and no key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TenantDirectives {
    /// The directives, expired ones included.
    pub set: Arc<DirectiveSet>,
    /// The store's revision at which this set was first seen in force.
    pub revision: Revision,
    /// The digest of the document in force.
    pub digest: Digest,
    /// Why the present document is not in force, if it is not.
    pub refusal: Option<Refusal>,
    /// When the store last confirmed all this, by the [clock](OnDemandDirectives::now).
    pub confirmed: UnixMillis,
    /// Why it could not be confirmed now, if it could not: this is the last that was known.
    pub stale: Option<LoadError>,
}

impl OnDemandDirectives {
    /// Directives from the documents under `prefix`, which ends with `/`; one that does not gets it.
    pub fn over(reader: Arc<dyn KvReader>, prefix: &str) -> OnDemandBuilder {
        OnDemandBuilder::new(reader, prefix)
    }

    /// What is in force for this tenant, and how it was come by.
    ///
    /// From memory this costs a lookup and allocates nothing. Else it waits for a read, no longer than the
    /// [deadline](OnDemandBuilder::deadline).
    ///
    /// # Errors
    ///
    /// [`LoadError`] if there was no answer and nothing is known that is not older than the
    /// [stale limit](OnDemandBuilder::stale_limit). Errors are not cached.
    pub async fn load(
        &self,
        tenant: &str,
    ) -> (CacheOutcome<FetchOutcome>, Result<Arc<TenantDirectives>, LoadError>) {
        // Before anything is allocated for a fetch.
        if let Some(directives) = self.fresh.get(tenant).await {
            meter::hit();
            return (CacheOutcome::Hit, Ok(directives));
        }
        let (outcome, result) = self.fetch(tenant).await;
        let is_stale = result.as_ref().is_ok_and(|directives| directives.stale.is_some());
        meter::miss(outcome.label(), is_stale);
        tell_fetch(&outcome);
        (outcome, result)
    }

    async fn fetch(
        &self,
        tenant: &str,
    ) -> (CacheOutcome<FetchOutcome>, Result<Arc<TenantDirectives>, LoadError>) {
        let key = match self.key(tenant) {
            Ok(key) => key,
            Err(error) => return (fetched(FetchOutcome::BadTenant), Err(error)),
        };
        let (reads, name) = (Arc::clone(&self.reads), tenant.to_owned());
        let fetch = move || async move { reads.read(&name, &key).await };
        let (outcome, result) = self.fresh.try_get_or_fetch(tenant, fetch).await;
        if outcome == (CacheOutcome::MissFetched { outcome: None }) {
            self.reads.panicked();
        }
        let error = match result {
            Ok(directives) => return (outcome, Ok(directives)),
            Err(FetchError::Failed(error)) => (*error).clone(),
            Err(FetchError::Panicked) => LoadError::Panicked,
        };
        (outcome, self.reads.last_known(tenant, error).await)
    }

    /// Decides about one request of this tenant, now. [`Decision::OFF`] if nothing is known about the tenant.
    pub async fn decide(&self, tenant: &str, request: &Request<'_>) -> Decision {
        match self.load(tenant).await {
            (_, Ok(directives)) if !directives.set.is_empty() => directives.set.evaluate(request, self.now()),
            _ => Decision::OFF,
        }
    }

    /// The key of this tenant's document: the prefix and the tenant, with `/`, `%` and control characters as `%` and
    /// two hexadecimal digits each. So two tenants never share a key, and none reaches below another's.
    ///
    /// # Errors
    ///
    /// [`LoadError::BadTenant`] unless the tenant has 1 to 256 bytes.
    pub fn key(&self, tenant: &str) -> Result<Key, LoadError> {
        tenant::key(self.reads.prefix(), tenant)
    }

    /// The time by which directives begin and end: what to hand to [`DirectiveSet::evaluate`].
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.clock().now()
    }

    /// The clock of that time.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        self.reads.clock()
    }

    /// How many tenants are answered from memory, those without a document included. Takes a while if they are many.
    pub async fn cached(&self) -> u64 {
        self.fresh.entry_count().await
    }

    /// How many reads are under way.
    #[must_use]
    pub fn reads_under_way(&self) -> usize {
        self.fresh.fetches_under_way()
    }
}

const fn fetched(outcome: FetchOutcome) -> CacheOutcome<FetchOutcome> {
    CacheOutcome::MissFetched { outcome: Some(outcome) }
}

/// Counts the read, or why there was none, if this load is the one that reports it.
fn tell_fetch(outcome: &CacheOutcome<FetchOutcome>) {
    match outcome {
        CacheOutcome::Hit | CacheOutcome::MissCoalesced => {}
        CacheOutcome::MissFetched { outcome: None } => meter::fetch("panicked"),
        CacheOutcome::MissFetched { outcome: Some(outcome) } if outcome.was_read() => {
            meter::fetch(outcome.label());
        }
        CacheOutcome::MissFetched { outcome: Some(outcome) } => meter::unread(outcome.label()),
    }
}

impl fmt::Debug for OnDemandDirectives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnDemandDirectives").finish_non_exhaustive()
    }
}
