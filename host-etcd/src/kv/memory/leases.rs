//! Leases, and which keys go with them. They end by the clock of tokio, and only when somebody looks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::kv::{Key, Lease, LeaseId};

#[derive(Debug, Default)]
pub(super) struct Leases {
    granted: u32,
    held: BTreeMap<LeaseId, Held>,
    /// When which ends: the next to end is the first.
    ends: BTreeSet<(Instant, LeaseId)>,
    by_key: BTreeMap<Key, LeaseId>,
}

#[derive(Debug)]
struct Held {
    ttl: Duration,
    ends: Instant,
    keys: BTreeSet<Key>,
}

impl Leases {
    pub(super) fn grant(&mut self, ttl: Duration, now: Instant) -> Lease {
        self.granted = self.granted.wrapping_add(1);
        let (id, ends) = (LeaseId(self.granted.into()), end(now, ttl));
        self.held.insert(id, Held { ttl, ends, keys: BTreeSet::new() });
        self.ends.insert((ends, id));
        Lease { id, ttl }
    }

    /// How long the lease lives from now, if it has not ended.
    pub(super) fn renew(&mut self, id: LeaseId, now: Instant) -> Option<Duration> {
        let held = self.held.get_mut(&id)?;
        self.ends.remove(&(held.ends, id));
        held.ends = end(now, held.ttl);
        self.ends.insert((held.ends, id));
        Some(held.ttl)
    }

    pub(super) fn holds(&self, id: LeaseId) -> bool {
        self.held.contains_key(&id)
    }

    /// The key goes with this lease from now on, and with no other.
    pub(super) fn attach(&mut self, key: &Key, lease: Option<LeaseId>) {
        if let Some(before) = self.by_key.remove(key)
            && let Some(held) = self.held.get_mut(&before)
        {
            held.keys.remove(key);
        }
        if let Some(id) = lease
            && let Some(held) = self.held.get_mut(&id)
        {
            held.keys.insert(key.clone());
            self.by_key.insert(key.clone(), id);
        }
    }

    /// Ends a lease; the keys that go with it, in order.
    pub(super) fn end(&mut self, id: LeaseId) -> BTreeSet<Key> {
        let Some(held) = self.held.remove(&id) else { return BTreeSet::new() };
        self.ends.remove(&(held.ends, id));
        for key in &held.keys {
            self.by_key.remove(key);
        }
        held.keys
    }

    /// No lease; none that is granted later bears the name of one of these.
    pub(super) fn wiped(&self) -> Self {
        Self { granted: self.granted, ..Self::default() }
    }

    /// When the next lease ends, and which.
    pub(super) fn next_end(&self) -> Option<(Instant, LeaseId)> {
        self.ends.first().copied()
    }
}

/// Farther than the clock reaches is as good as never, and never is far enough.
fn end(now: Instant, ttl: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);
    now.checked_add(ttl).or_else(|| now.checked_add(FAR)).unwrap_or(now)
}
