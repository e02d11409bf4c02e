//! A model of etcd: every state it ever had, in every incarnation.

use std::collections::BTreeMap;
use std::rc::Rc;

use aldis_etcd::kv::{Bytes, Header, Key, KvEntry, KvUpdate, Revision, Scope};

/// The entries of the scope.
pub(crate) type State = BTreeMap<Key, KvEntry>;

/// One incarnation's history, by revision from zero on. A restore begins another, which shares its beginning.
#[derive(Clone)]
struct Incarnation {
    cluster_id: u64,
    states: Vec<Rc<State>>,
    /// What each revision changed in the scope.
    events: Vec<Rc<[KvUpdate]>>,
    compacted: u64,
}

/// The server.
pub(crate) struct Server {
    scope: Scope,
    incarnations: Vec<Incarnation>,
}

impl Server {
    pub(crate) fn new(scope: Scope) -> Self {
        let first = Incarnation {
            cluster_id: 1,
            states: vec![Rc::default(); 2],
            events: vec![Rc::from([]); 2],
            compacted: 0,
        };
        Self { scope, incarnations: vec![first] }
    }

    /// Which incarnation is running.
    pub(crate) fn incarnation(&self) -> usize {
        self.incarnations.len() - 1
    }

    pub(crate) fn header(&self) -> Header {
        Header { cluster_id: self.now().cluster_id, revision: Revision::new(self.now().last()) }
    }

    pub(crate) fn cluster_id(&self, incarnation: usize) -> u64 {
        self.incarnations[incarnation].cluster_id
    }

    pub(crate) fn compacted(&self) -> Revision {
        Revision::new(self.now().compacted)
    }

    pub(crate) fn state(&self) -> &State {
        self.now().states.last().expect("there is always one")
    }

    /// The scope at a revision of an incarnation; `None` if that never came to be.
    pub(crate) fn state_at(&self, incarnation: usize, revision: Revision) -> Option<&Rc<State>> {
        self.incarnations[incarnation].states.get(place(revision))
    }

    /// What a revision of an incarnation changed in the scope.
    pub(crate) fn transaction(&self, incarnation: usize, revision: Revision) -> Rc<[KvUpdate]> {
        let events = &self.incarnations[incarnation].events;
        events.get(place(revision)).cloned().unwrap_or_else(|| Rc::from([]))
    }

    /// Puts (with a value) and deletes keys at one revision. What lies outside of the scope only counts.
    pub(crate) fn transact(&mut self, changes: BTreeMap<Key, Option<Bytes>>) {
        let now = self.incarnations.last_mut().expect("there is always one");
        let mod_revision = Revision::new(now.last() + 1);
        let mut state = Rc::clone(&now.states[place(mod_revision) - 1]);
        let mut events = Vec::new();
        let mut is_foreign = false;
        for (key, value) in changes {
            if !self.scope.contains(&key) {
                is_foreign = true;
            } else if let Some(value) = value {
                let entry = KvEntry { key: key.clone(), value, mod_revision };
                Rc::make_mut(&mut state).insert(key, entry.clone());
                events.push(KvUpdate::Put(entry));
            } else if state.contains_key(&key) {
                Rc::make_mut(&mut state).remove(&key);
                events.push(KvUpdate::Delete { key, mod_revision });
            }
        }
        if is_foreign || !events.is_empty() {
            now.states.push(state);
            now.events.push(events.into());
        }
    }

    pub(crate) fn compact(&mut self, to: u64) {
        let now = self.incarnations.last_mut().expect("there is always one");
        now.compacted = now.compacted.max(to.min(now.last()));
    }

    /// A new incarnation that starts from an older revision of this one (1: wiped).
    pub(crate) fn restore(&mut self, to: u64, cluster_id: u64) {
        let mut restored = self.now().clone();
        let keep = place(Revision::new(to.clamp(1, restored.last()))) + 1;
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
}

fn place(revision: Revision) -> usize {
    usize::try_from(revision.as_u64()).expect("small")
}
