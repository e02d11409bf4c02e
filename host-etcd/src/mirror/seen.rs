//! When versions that are no longer there were first seen.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::Version;
use crate::clock::Moment;
use crate::kv::{Key, Revision};

/// How many versions that are gone are remembered, the latest first to be forgotten last.
const REMEMBERED: usize = 1024;

/// A memory for versions that are gone: if one comes back, because a server was restored or a stale read was believed,
/// its relative lifetimes go on from where they began, and what has ended stays so.
#[derive(Debug, Default)]
pub(super) struct Seen {
    moments: BTreeMap<Id, Moment>,
    order: VecDeque<Id>,
}

type Id = (Key, Revision, u64);

impl Seen {
    pub(super) fn first_seen(&self, key: &Key, revision: Revision, value: &[u8]) -> Option<Moment> {
        self.moments.get(&id(key, revision, value)).copied()
    }

    pub(super) fn remember(&mut self, key: &Key, version: &Version) {
        let id = id(key, version.revision, &version.value);
        if self.moments.insert(id.clone(), version.first_seen).is_none() {
            self.order.push_back(id);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.moments.remove(&oldest);
        }
    }
}

fn id(key: &Key, revision: Revision, value: &[u8]) -> Id {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    (key.clone(), revision, hasher.finish())
}
