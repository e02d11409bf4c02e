//! What readers should see, by a naive model: under each key the last good document.

use std::collections::BTreeMap;

use aldis_etcd::kv::{Bytes, Key, KvEntry, KvUpdate, Revision};
use aldis_etcd::mirror::{Digest, Mirror};

use crate::documents::is_good;
use crate::server::State;

/// What should be known of each key.
#[derive(Default)]
pub(crate) struct Shown(BTreeMap<Key, Slot>);

struct Slot {
    revision: Revision,
    newest: Bytes,
    good: Option<Bytes>,
}

impl Shown {
    /// Becomes this state; whether that is another one.
    pub(crate) fn become_state(&mut self, state: &State) -> bool {
        let before = self.0.len();
        self.0.retain(|key, _| state.contains_key(key));
        let mut is_changed = self.0.len() != before;
        for entry in state.values() {
            is_changed |= self.put(entry);
        }
        is_changed
    }

    pub(crate) fn apply(&mut self, event: &KvUpdate) -> bool {
        match event {
            KvUpdate::Put(entry) => self.put(entry),
            KvUpdate::Delete { key, .. } => self.remove(key),
        }
    }

    pub(crate) fn put(&mut self, entry: &KvEntry) -> bool {
        let slot = self.0.get(&entry.key);
        if slot.is_some_and(|slot| slot.revision == entry.mod_revision && slot.newest == entry.value) {
            return false;
        }
        let good = match is_good(&entry.value) {
            true => Some(entry.value.clone()),
            false => slot.and_then(|slot| slot.good.clone()),
        };
        let slot = Slot { revision: entry.mod_revision, newest: entry.value.clone(), good };
        self.0.insert(entry.key.clone(), slot);
        true
    }

    pub(crate) fn remove(&mut self, key: &Key) -> bool {
        self.0.remove(key).is_some()
    }

    pub(crate) fn keys(&self) -> Vec<Key> {
        self.0.keys().cloned().collect()
    }

    /// Whether it is this state, as far as its documents are good.
    pub(crate) fn is_state(&self, state: &State) -> bool {
        self.0.len() == state.len()
            && self.0.iter().zip(state.values()).all(|((key, slot), entry)| {
                *key == entry.key && slot.revision == entry.mod_revision && slot.newest == entry.value
            })
    }

    /// Compares with what is shown, refusals included.
    pub(crate) fn check(&self, mirror: &Mirror, at: &str) {
        let snapshot = mirror.snapshot().expect("there is one after a step");
        let good = self.0.iter().filter_map(|(key, slot)| Some((key.as_bytes(), slot.good.as_deref()?)));
        assert_eq!(snapshot.digest, Digest::of(good), "not what is expected at {at}");
        let refused = mirror.refusals().map(|(key, refusal)| (key, refusal.revision));
        let malformed = self.0.iter().filter(|(_, slot)| !is_good(&slot.newest));
        let expected = malformed.map(|(key, slot)| (key, slot.revision));
        assert!(refused.eq(expected), "not the refusals that are expected at {at}");
    }
}
