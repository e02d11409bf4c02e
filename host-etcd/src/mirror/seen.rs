//! When versions that are no longer there were first seen.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::{Digest, Version};
use crate::clock::Moment;
use crate::kv::Revision;

/// How many versions that are gone are remembered at least. A scope of many keys remembers twice as many as it has keys,
/// so that all of them can be replaced, and replaced back, without any being forgotten.
const REMEMBERED: usize = 1024;

/// A memory for versions that are gone: if one comes back, because a server was restored or a stale read was believed,
/// its relative lifetimes go on from where they began, and what has ended stays so.
///
/// A version is known by its revision and the digest of key and value, so that one costs about 150 bytes however long
/// its key and its value were. When the memory is full the version that has been gone longest is forgotten; should that
/// one ever come back, it counts as new.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    moments: BTreeMap<Id, Moment>,
    order: VecDeque<Id>,
}

/// One version of one key. In another incarnation of the cluster the same revision may mean another value.
type Id = (Revision, Digest);

/// A version that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone {
    /// The revision that published it.
    pub(crate) revision: Revision,
    /// The digest of this one document, key and value.
    pub(crate) digest: Digest,
    /// When it was first seen.
    pub(crate) first_seen: Moment,
}

impl Seen {
    /// A memory of these, gone longest first.
    pub(super) fn of(gone: Vec<Gone>) -> Self {
        let mut seen = Self::default();
        for one in gone {
            seen.insert((one.revision, one.digest), one.first_seen);
        }
        seen
    }

    /// How many versions are remembered.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// What is remembered, gone longest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Gone> {
        let gone = |id: &Id| Some(Gone { revision: id.0, digest: id.1, first_seen: *self.moments.get(id)? });
        self.order.iter().filter_map(gone)
    }

    pub(super) fn first_seen(&self, version: &Version) -> Option<Moment> {
        self.moments.get(&id(version)).copied()
    }

    /// Remembers a version of a scope of so many keys.
    pub(super) fn remember(&mut self, version: &Version, keys: usize) {
        self.insert(id(version), version.first_seen);
        while self.order.len() > keys.saturating_mul(2).max(REMEMBERED) {
            self.order.pop_front().map(|oldest| self.moments.remove(&oldest));
        }
    }

    /// Takes from all leads what is above this one.
    pub(super) fn limit_leads(&mut self, lead: Duration) {
        self.moments.values_mut().for_each(|moment| moment.lead = moment.lead.min(lead));
    }

    /// Remembers what has gone later as well. What both know counts from when this one saw it.
    pub(super) fn go_on_with(&mut self, later: &Self) {
        for Gone { revision, digest, first_seen } in later.iter() {
            let id = (revision, digest);
            let first_seen = self.moments.get(&id).copied().unwrap_or(first_seen);
            self.insert(id, first_seen);
        }
    }

    /// All of them were seen by a clock that was behind by so much.
    pub(super) fn shift(&mut self, by: Duration) {
        self.moments.values_mut().for_each(|moment| *moment = moment.later_by(by));
    }

    fn insert(&mut self, id: Id, first_seen: Moment) {
        if self.moments.insert(id, first_seen).is_some() {
            // It had come back, and is the latest to go now. Costs a search, but hardly ever happens.
            self.order.retain(|known| *known != id);
        }
        self.order.push_back(id);
    }
}

fn id(version: &Version) -> Id {
    (version.revision, version.digest)
}
