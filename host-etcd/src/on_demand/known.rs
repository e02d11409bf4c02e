//! What is known of the tenants that have a document, beyond the time in which it is fresh: the last good one, when its
//! revision was first seen, what was refused.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aldis_core::{DirectiveSet, UnixMillis};
use moka::future::Cache;
use moka::policy::EvictionPolicy;

use super::TenantDirectives;
use crate::clock::Moment;
use crate::kv::{Header, Listing, Revision};
use crate::mirror::{Digest, Mirror, Refusal};

/// Bytes that a tenant costs whatever its document holds: the maps and counts of a mirror.
const TENANT_BYTES: usize = 4096;

/// Bytes for each earlier version of it that is remembered.
const VERSION_BYTES: usize = 150;

/// The tenants that have a document, or had one. Strangers take no room here, so the latest comer is always let in.
pub(super) struct Known {
    tenants: Cache<String, Arc<Tenant>>,
    /// What one tenant counts at most, so that each document is kept, however large.
    heaviest: u32,
}

/// One tenant: a mirror of its one key.
struct Tenant {
    state: Mutex<State>,
    weight: AtomicU32,
}

struct State {
    mirror: Mirror,
    header: Header,
    confirmed: UnixMillis,
}

impl Known {
    pub(super) fn new(capacity: u64) -> Self {
        let tenants = Cache::builder()
            .max_capacity(capacity)
            .eviction_policy(EvictionPolicy::lru())
            .weigher(|_: &String, tenant: &Arc<Tenant>| tenant.weight.load(Ordering::Relaxed))
            .build();
        Self { tenants, heaviest: heaviest(capacity) }
    }

    /// How far the store had come when it last answered about this tenant.
    pub(super) async fn header(&self, tenant: &str) -> Option<Header> {
        Some(self.tenants.get(tenant).await?.lock().header)
    }

    /// What was last known.
    pub(super) async fn last(&self, tenant: &str, now: Moment) -> Option<TenantDirectives> {
        let known = self.tenants.get(tenant).await?;
        let mut state = known.lock();
        state.mirror.catch_up(now);
        Some(state.directives())
    }

    /// Takes an answer in: what is in force now, and whether a document was refused that had not been before.
    pub(super) async fn take_in(
        &self,
        tenant: &str,
        answer: Listing,
        now: Moment,
    ) -> (TenantDirectives, Option<Refusal>) {
        let known = match self.tenants.get(tenant).await {
            Some(known) => known,
            None if answer.entries.is_empty() => return (nothing(answer.header.revision, now.at), None),
            None => Arc::new(Tenant::new(answer.header, now.at)),
        };
        let taken = known.take_in(answer, now, self.heaviest);
        // Again even if it is there: it weighs something else now.
        self.tenants.insert(tenant.to_owned(), known).await;
        taken
    }
}

impl Tenant {
    fn new(header: Header, confirmed: UnixMillis) -> Self {
        let state = Mutex::new(State { mirror: Mirror::new(), header, confirmed });
        Self { state, weight: AtomicU32::new(0) }
    }

    fn take_in(&self, answer: Listing, now: Moment, heaviest: u32) -> (TenantDirectives, Option<Refusal>) {
        let mut state = self.lock();
        // The newest value, and the last good one, which is about as large.
        let values: usize = answer.entries.iter().map(|entry| entry.value.len().saturating_mul(2)).sum();
        state.header = answer.header;
        state.confirmed = now.at;
        let refused = state.mirror.replace(answer, now).refused.pop().map(|(_, refusal)| refusal);
        state.mirror.catch_up(now);
        let directives = state.directives();
        let versions = state.mirror.remembered().saturating_mul(VERSION_BYTES);
        let image = directives.set.as_image().len();
        let bytes = [values, versions, image].into_iter().fold(TENANT_BYTES, usize::saturating_add);
        self.weight.store(weight(bytes, heaviest), Ordering::Relaxed);
        (directives, refused)
    }

    /// Every change leaves the state whole, so a panic of another holder leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn directives(&self) -> TenantDirectives {
        let nothing = nothing(self.header.revision, self.confirmed);
        let Some(snapshot) = self.mirror.snapshot() else { return nothing };
        TenantDirectives {
            set: Arc::clone(&snapshot.set),
            revision: snapshot.revision,
            digest: snapshot.digest,
            refusal: self.mirror.refusals().next().map(|(_, refusal)| refusal.clone()),
            ..nothing
        }
    }
}

/// What is in force for a tenant without a document.
fn nothing(revision: Revision, confirmed: UnixMillis) -> TenantDirectives {
    let (set, digest) = (Arc::new(DirectiveSet::empty()), Digest::of([]));
    TenantDirectives { set, revision, digest, refusal: None, confirmed, stale: None }
}

/// What one entry counts at most in a cache of this capacity.
pub(super) fn heaviest(capacity: u64) -> u32 {
    u32::try_from(capacity / 8).unwrap_or(u32::MAX)
}

pub(super) fn weight(bytes: usize, heaviest: u32) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX).min(heaviest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::KvEntry;

    fn version(revision: u64) -> Listing {
        let value = format!(r#"{{"directives":[{{"id":"{revision}","level":"Off","ttl_secs":60}}]}}"#);
        let mod_revision = Revision::new(revision);
        let entry = KvEntry { key: "tenant".into(), value: value.into_bytes().into(), mod_revision };
        Listing { header: Header { cluster_id: 1, revision: mod_revision }, entries: vec![entry] }
    }

    #[tokio::test]
    async fn what_is_remembered_of_earlier_versions_counts() {
        let known = Known::new(1 << 20);
        let now = Moment { at: UnixMillis::new(1_000_000), lead: std::time::Duration::ZERO };
        for tenant in 0..16 {
            for revision in 2..802 {
                known.take_in(&tenant.to_string(), version(revision), now).await;
            }
        }
        known.tenants.run_pending_tasks().await;
        let kept = known.tenants.entry_count();
        assert!(kept <= 8, "{kept} tenants of 120 KB each take more than a mebibyte");
    }
}
