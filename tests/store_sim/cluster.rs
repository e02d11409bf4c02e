//! The cluster: an embedded backend at a time, and every state that any of them ever had.

use std::collections::BTreeMap;

use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{Header, Key, KvChange, KvEntry, KvUpdate, Revision, WatchMessage};
use aldis_etcd::mirror::Digest;
use fastrand::Rng;

/// What is watched.
pub(crate) const SCOPE: &str = "d/";

/// A key under which nothing but malformed documents are published.
const HOPELESS: &str = "d/hopeless";

type State = BTreeMap<Key, Vec<u8>>;

/// The present incarnation, and what is known of all.
pub(crate) struct Cluster {
    pub(crate) kv: MemoryKv,
    pub(crate) cluster_id: u64,
    /// What each transaction since the beginning of this incarnation changed; the first one made revision two.
    log: Vec<Vec<KvChange>>,
    /// The good documents after each revision from one on.
    states: Vec<State>,
    /// Revision and digest of every state in every incarnation.
    known: Vec<(Revision, Digest)>,
    published: u64,
    /// For the known-bad twin: no state that readers see is known.
    pub(crate) forgets: bool,
}

impl Cluster {
    pub(crate) fn new() -> Self {
        let known = vec![(Revision::new(1), Digest::of([]))];
        let states = vec![State::new()];
        Self {
            kv: MemoryKv::new(),
            cluster_id: 1,
            log: Vec::new(),
            states,
            known,
            published: 0,
            forgets: false,
        }
    }

    /// Whether some incarnation has ever been in this state at this revision.
    pub(crate) fn was(&self, revision: Revision, digest: Digest) -> bool {
        // Nothing has been read yet.
        revision == Revision::ZERO || (!self.forgets && self.known.contains(&(revision, digest)))
    }

    /// The digest of what is in force at present.
    pub(crate) fn digest(&self) -> Digest {
        digest(self.state())
    }

    pub(crate) fn revision(&self) -> Revision {
        self.kv.revision()
    }

    /// One transaction on up to so many keys, of which some may be foreign.
    pub(crate) fn write(&mut self, random: &mut Rng, most: usize) {
        let mut changes = BTreeMap::new();
        for _ in 0..random.usize(1..=most) {
            let key = Key::from(format!("{SCOPE}{}", random.u8(0..8)).as_str());
            self.published += 1;
            changes.insert(key, (random.u8(0..4) > 0).then(|| document(self.published)));
        }
        match random.u8(0..8) {
            0 => _ = changes.insert("e".into(), Some(b"foreign".to_vec())),
            1 => _ = changes.insert(HOPELESS.into(), Some(b"malformed".to_vec())),
            _ => {}
        }
        let change = |(key, value): (Key, Option<Vec<u8>>)| match value {
            Some(value) => KvChange::put(key, value),
            None => KvChange::Delete(key),
        };
        self.apply(changes.into_iter().map(change).collect());
    }

    /// Comes back with the state of an older revision; one: wiped.
    pub(crate) fn restore(&mut self, to: Revision, cluster_id: u64) {
        let keep = usize::try_from(to.as_u64().saturating_sub(1)).expect("small").min(self.log.len());
        let log: Vec<_> = self.log.drain(..).take(keep).collect();
        self.kv = MemoryKv::new();
        self.cluster_id = cluster_id;
        self.states.truncate(1);
        log.into_iter().for_each(|changes| self.apply(changes));
    }

    /// The backend as it was so many transactions ago.
    pub(crate) fn past(&self, back: usize) -> MemoryKv {
        let past = MemoryKv::new();
        for changes in self.log.iter().take(self.log.len().saturating_sub(back)) {
            past.transaction(changes.clone());
        }
        past
    }

    /// What two transactions of the past have changed, told once more, and a foreign event.
    pub(crate) fn replay(&self, random: &mut Rng) -> WatchMessage {
        let last = self.log.len();
        let from = random.usize(0..=last.saturating_sub(1));
        let events = self.log.iter().enumerate().skip(from).take(2);
        let mut events: Vec<KvUpdate> = events
            .flat_map(|(place, changes)| {
                let mod_revision = Revision::new(u64::try_from(place).expect("small") + 2);
                changes.iter().map(move |change| event(change, mod_revision))
            })
            .collect();
        events.push(KvUpdate::Delete { key: "foreign".into(), mod_revision: Revision::new(1_000_000) });
        WatchMessage::Events(self.header(), events)
    }

    pub(crate) fn header(&self) -> Header {
        Header { cluster_id: self.cluster_id, revision: self.revision() }
    }

    fn state(&self) -> &State {
        self.states.last().expect("there is always one")
    }

    fn apply(&mut self, changes: Vec<KvChange>) {
        let before = self.kv.revision();
        let revision = self.kv.transaction(changes.clone());
        if revision == before {
            return;
        }
        let mut state = self.state().clone();
        for change in &changes {
            match change {
                KvChange::Put { key, value, .. } if is_good(key) => {
                    _ = state.insert(key.clone(), value.clone());
                }
                KvChange::Put { .. } => {}
                KvChange::Delete(key) => _ = state.remove(key),
            }
        }
        self.known.push((revision, digest(&state)));
        self.log.push(changes);
        self.states.push(state);
    }
}

fn is_good(key: &Key) -> bool {
    key.as_bytes().starts_with(SCOPE.as_bytes()) && key.as_bytes() != HOPELESS.as_bytes()
}

fn digest(state: &State) -> Digest {
    Digest::of(state.iter().map(|(key, value)| (key.as_bytes(), value.as_slice())))
}

fn event(change: &KvChange, mod_revision: Revision) -> KvUpdate {
    match change {
        KvChange::Put { key, value, .. } => {
            KvUpdate::Put(KvEntry { key: key.clone(), value: value.clone().into(), mod_revision })
        }
        KvChange::Delete(key) => KvUpdate::Delete { key: key.clone(), mod_revision },
    }
}

/// A document unlike every other.
fn document(number: u64) -> Vec<u8> {
    format!(r#"{{"directives":[{{"id":"{number}","level":"Shape","ttl_secs":31536000}}]}}"#).into_bytes()
}
