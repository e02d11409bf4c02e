//! Keys, revisions and history: what the store is, without a lock and without waiting.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::history::History;
use super::leases::Leases;
use crate::kv::{Header, Key, KvChange, KvEntry, KvError, KvUpdate, Lease, LeaseId, Revision, Scope};

/// The revision of a store that has never been written to.
const FIRST: Revision = Revision::new(1);

#[derive(Debug)]
pub(super) struct State {
    header: Header,
    entries: BTreeMap<Key, KvEntry>,
    history: History,
    compacted: Revision,
    leases: Leases,
    cuts: u64,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            // Another store is another cluster, also in the next process.
            header: Header { cluster_id: fastrand::u64(1..), revision: FIRST },
            entries: BTreeMap::new(),
            history: History::default(),
            compacted: Revision::ZERO,
            leases: Leases::default(),
            cuts: 0,
        }
    }

    pub(super) fn header(&self) -> Header {
        self.header
    }

    pub(super) fn compacted(&self) -> Revision {
        self.compacted
    }

    /// How often watches have been cut.
    pub(super) fn cuts(&self) -> u64 {
        self.cuts
    }

    pub(super) fn entry(&self, key: &Key) -> Option<&KvEntry> {
        self.entries.get(key)
    }

    /// The entries of the scope in key order.
    pub(super) fn entries(&self, scope: &Scope) -> Vec<KvEntry> {
        let (Scope::Key(start) | Scope::Prefix(start)) = scope;
        let from_start = self.entries.range(start.clone()..);
        from_start.map(|(_, entry)| entry).take_while(|entry| scope.contains(&entry.key)).cloned().collect()
    }

    /// Events of the wanted keys from `from` on, and the revision behind the last one that was looked at.
    pub(super) fn events(
        &self,
        is_wanted: impl Fn(&Key) -> bool,
        from: Revision,
    ) -> (Vec<KvUpdate>, Revision) {
        self.history.events(is_wanted, from)
    }

    /// Applies all changes at one revision, if every key is at the revision that is expected of it and every lease
    /// lives.
    pub(super) fn transact(
        &mut self,
        expected: &[(&Key, Revision)],
        changes: &[KvChange],
    ) -> Result<Revision, KvError> {
        for &(key, expected) in expected {
            let actual = self.entry(key).map_or(Revision::ZERO, |entry| entry.mod_revision);
            if actual != expected {
                return Err(KvError::Conflict { key: key.clone(), expected, actual });
            }
        }
        let is_dead = |change: &KvChange| match change {
            KvChange::Put { lease: Some(lease), .. } => !self.leases.holds(*lease),
            _ => false,
        };
        match changes.iter().any(is_dead) {
            true => Err(KvError::LeaseExpired),
            false => Ok(self.apply(changes.iter().cloned())),
        }
    }

    /// Applies all changes at one revision. A lease that does not live is no lease.
    pub(super) fn apply(&mut self, changes: impl IntoIterator<Item = KvChange>) -> Revision {
        let mod_revision = self.header.revision.next();
        let events: Vec<_> =
            changes.into_iter().filter_map(|change| self.apply_one(change, mod_revision)).collect();
        if !events.is_empty() {
            self.header.revision = mod_revision;
            self.history.push(mod_revision, events);
            if let Some(oldest) = self.history.bound() {
                self.compacted = oldest;
            }
        }
        self.header.revision
    }

    fn apply_one(&mut self, change: KvChange, mod_revision: Revision) -> Option<KvUpdate> {
        match change {
            KvChange::Put { key, value, lease } => {
                self.leases.attach(&key, lease);
                let entry = KvEntry { key: key.clone(), value: value.into(), mod_revision };
                self.entries.insert(key, entry.clone());
                Some(KvUpdate::Put(entry))
            }
            KvChange::Delete(key) => {
                self.leases.attach(&key, None);
                self.entries.remove(&key)?;
                Some(KvUpdate::Delete { key, mod_revision })
            }
        }
    }

    pub(super) fn grant(&mut self, ttl: Duration, now: Instant) -> Lease {
        self.leases.grant(ttl, now)
    }

    pub(super) fn keep_alive(&mut self, lease: LeaseId, now: Instant) -> Result<Duration, KvError> {
        self.leases.renew(lease, now).ok_or(KvError::LeaseExpired)
    }

    /// Ends a lease and, in one transaction, its keys.
    pub(super) fn revoke(&mut self, lease: LeaseId) {
        let keys = self.leases.end(lease);
        self.apply(keys.into_iter().map(KvChange::Delete));
    }

    /// Ends what has ended by now, the oldest first; whether there was any.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let mut has_ended = false;
        while let Some((ends, lease)) = self.leases.next_end()
            && ends <= now
        {
            self.revoke(lease);
            has_ended = true;
        }
        has_ended
    }

    /// When the next lease ends by itself.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.leases.next_end().map(|(ends, _)| ends)
    }

    pub(super) fn compact(&mut self, revision: Revision) -> Result<(), KvError> {
        if revision <= self.compacted {
            return Err(KvError::Compacted { oldest: self.compacted });
        }
        if revision > self.header.revision {
            let cause = format!("revision {revision} lies ahead; the store is at {}", self.header.revision);
            return Err(KvError::Failed { operation: "compact", cause });
        }
        self.forget_before(revision);
        Ok(())
    }

    fn forget_before(&mut self, revision: Revision) {
        self.history.forget_before(revision);
        self.compacted = revision;
    }

    pub(super) fn cut_watches(&mut self) {
        self.cuts = self.cuts.wrapping_add(1);
    }

    pub(super) fn wipe(&mut self) {
        let header = Header { revision: FIRST, ..self.header };
        let (leases, cuts) = (self.leases.wiped(), self.cuts.wrapping_add(1));
        *self = Self { header, leases, cuts, ..Self::new() };
    }
}
