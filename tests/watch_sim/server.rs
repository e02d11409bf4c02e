//! A model of etcd: every state it ever had, in every incarnation.

use std::collections::BTreeMap;
use std::sync::Arc;

use aldis_etcd::kv::{Header, Key, KvEntry, KvUpdate, Listing, Revision};
use aldis_etcd::mirror::Digest;

/// Keys of the scope under watch start so.
pub(crate) const SCOPE: &str = "d/";

type State = BTreeMap<Key, KvEntry>;

/// One incarnation's history. A restore begins another, which shares its beginning.
#[derive(Clone)]
struct Incarnation {
    cluster_id: u64,
    /// The state at each revision, from zero on.
    states: Vec<State>,
    /// What each revision changed.
    events: Vec<Vec<KvUpdate>>,
    compacted: u64,
}

/// The server.
pub(crate) struct Server {
    incarnations: Vec<Incarnation>,
    published: u64,
}

impl Server {
    pub(crate) fn new() -> Self {
        let states = vec![State::new(); 2];
        let first = Incarnation { cluster_id: 1, states, events: vec![Vec::new(); 2], compacted: 0 };
        Self { incarnations: vec![first], published: 0 }
    }

    /// Which incarnation is running.
    pub(crate) fn incarnation(&self) -> usize {
        self.incarnations.len() - 1
    }

    pub(crate) fn header(&self) -> Header {
        let now = self.now();
        Header { cluster_id: now.cluster_id, revision: Revision::new(now.last()) }
    }

    pub(crate) fn cluster_id(&self, incarnation: usize) -> Option<u64> {
        self.incarnations.get(incarnation).map(|one| one.cluster_id)
    }

    pub(crate) fn compacted(&self) -> Revision {
        Revision::new(self.now().compacted)
    }

    /// The scope as it was `back` revisions ago.
    pub(crate) fn listing(&self, back: u64) -> Listing {
        let now = self.now();
        let revision = now.last().saturating_sub(back).max(1);
        let header = Header { cluster_id: now.cluster_id, revision: Revision::new(revision) };
        Listing { header, entries: now.scope_at(revision).cloned().collect() }
    }

    /// What one revision of the running incarnation changed in the scope.
    pub(crate) fn transaction(&self, revision: Revision) -> Vec<KvUpdate> {
        transaction(self.now(), revision)
    }

    /// The same of any incarnation.
    pub(crate) fn transaction_of(&self, incarnation: usize, revision: Revision) -> Vec<KvUpdate> {
        self.incarnations.get(incarnation).map(|one| transaction(one, revision)).unwrap_or_default()
    }

    /// The digest of the scope at a revision of an incarnation; `None` if it never came to be.
    pub(crate) fn digest_at(&self, incarnation: usize, revision: Revision) -> Option<Digest> {
        let one = self.incarnations.get(incarnation)?;
        (revision.as_u64() <= one.last()).then(|| digest(one.scope_at(revision.as_u64())))
    }

    pub(crate) fn digest(&self) -> Digest {
        digest(self.now().scope_at(self.now().last()))
    }

    /// Puts (`true`) and deletes (`false`) keys at one revision.
    pub(crate) fn transact(&mut self, keys: &BTreeMap<String, bool>) {
        let published = &mut self.published;
        let Some(now) = self.incarnations.last_mut() else { return };
        let mut state = now.states.last().cloned().unwrap_or_default();
        let mod_revision = Revision::new(now.last() + 1);
        let mut events = Vec::new();
        for (key, is_put) in keys {
            let key = Key::from(key.as_str());
            if *is_put {
                *published += 1;
                let entry = KvEntry { key: key.clone(), value: document(*published), mod_revision };
                state.insert(key, entry.clone());
                events.push(KvUpdate::Put(entry));
            } else if state.remove(&key).is_some() {
                events.push(KvUpdate::Delete { key, mod_revision });
            }
        }
        if !events.is_empty() {
            now.states.push(state);
            now.events.push(events);
        }
    }

    pub(crate) fn compact(&mut self, to: u64) {
        if let Some(now) = self.incarnations.last_mut() {
            now.compacted = now.compacted.max(to.min(now.last()));
        }
    }

    /// A new incarnation that starts from an older revision of this one (1: wiped).
    pub(crate) fn restore(&mut self, to: u64, cluster_id: u64) {
        let mut restored = self.now().clone();
        let keep = usize::try_from(to.clamp(1, restored.last())).expect("small") + 1;
        restored.states.truncate(keep);
        restored.events.truncate(keep);
        restored.compacted = restored.compacted.min(to);
        restored.cluster_id = cluster_id;
        self.incarnations.push(restored);
    }

    fn now(&self) -> &Incarnation {
        self.incarnations.last().expect("there is always one")
    }
}

impl Incarnation {
    fn last(&self) -> u64 {
        u64::try_from(self.states.len()).expect("small") - 1
    }

    fn scope_at(&self, revision: u64) -> impl Iterator<Item = &KvEntry> {
        let state = usize::try_from(revision).ok().and_then(|place| self.states.get(place));
        let entries = state.into_iter().flat_map(BTreeMap::values);
        entries.filter(|entry| entry.key.as_bytes().starts_with(SCOPE.as_bytes()))
    }
}

fn transaction(incarnation: &Incarnation, revision: Revision) -> Vec<KvUpdate> {
    let events = usize::try_from(revision.as_u64()).ok().and_then(|place| incarnation.events.get(place));
    let in_scope = |event: &&KvUpdate| event.key().as_bytes().starts_with(SCOPE.as_bytes());
    events.into_iter().flatten().filter(in_scope).cloned().collect()
}

fn digest<'e>(entries: impl Iterator<Item = &'e KvEntry>) -> Digest {
    Digest::of(entries.map(|entry| (entry.key.as_bytes(), entry.value.as_ref())))
}

/// A document unlike every other.
fn document(number: u64) -> Arc<[u8]> {
    let text = format!(r#"{{"directives":[{{"id":"{number}","level":"Shape","ttl_secs":9}}]}}"#);
    text.into_bytes().into()
}
