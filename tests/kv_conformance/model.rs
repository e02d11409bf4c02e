//! The embedded backend against a model that is obviously right: maps by revision, all of them kept.

use std::collections::BTreeMap;

use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{
    Key, KvBatch, KvChange, KvCondition, KvEntry, KvError, KvReader, KvTransact, KvUpdate, KvWatcher,
    Revision, WatchCursor,
};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::{collection, option};
use tokio::sync::mpsc;

/// A store is every state that it ever had: the first is empty, at revision one.
struct Model(Vec<BTreeMap<Key, (u8, Revision)>>);

/// A transaction: keys with the index of the version that is expected, and keys with what becomes of them.
type Transaction = (Vec<(u8, Option<u8>)>, BTreeMap<u8, Option<u8>>);

impl Model {
    fn revision(&self) -> Revision {
        Revision::new(u64::try_from(self.0.len()).expect("small"))
    }

    fn now(&self) -> &BTreeMap<Key, (u8, Revision)> {
        self.0.last().expect("never empty")
    }

    fn at(&self, key: &Key) -> Revision {
        self.now().get(key).map_or(Revision::ZERO, |(_, revision)| *revision)
    }

    fn transact(&mut self, conditions: &[KvCondition], changes: &[KvChange]) -> Result<Revision, KvError> {
        for KvCondition { key, version } in conditions {
            let expected = version.and_then(|version| version.revision()).unwrap_or(Revision::ZERO);
            if self.at(key) != expected {
                return Err(KvError::Conflict { key: key.clone(), expected, actual: self.at(key) });
            }
        }
        let (mut next, revision) = (self.now().clone(), self.revision().next());
        let mut has_effect = false;
        for change in changes {
            has_effect |= match change {
                KvChange::Put { key, value, .. } => {
                    next.insert(key.clone(), (value[0], revision));
                    true
                }
                KvChange::Delete(key) => next.remove(key).is_some(),
            };
        }
        if has_effect {
            self.0.push(next);
        }
        Ok(self.revision())
    }

    /// What differs between one state and the next, for each from `from` on.
    fn updates(&self, from: usize, prefixes: &[Key]) -> Vec<KvUpdate> {
        let mut updates = Vec::new();
        for (number, pair) in self.0.windows(2).enumerate().skip(from) {
            let revision = Revision::new(u64::try_from(number).expect("small") + 2);
            let mut keys: Vec<_> = pair[0].keys().chain(pair[1].keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys.into_iter().filter(|key| is_under(key, prefixes)) {
                match pair[1].get(key) {
                    Some((value, at)) if *at == revision => updates.push((key, Some(*value), revision)),
                    None => updates.push((key, None, revision)),
                    Some(_) => {}
                }
            }
        }
        updates.into_iter().map(|(key, value, revision)| update(key, value, revision)).collect()
    }

    fn state(&self, prefixes: &[Key]) -> Vec<KvUpdate> {
        let entries = self.now().iter().filter(|(key, _)| is_under(key, prefixes));
        entries.map(|(key, (value, revision))| update(key, Some(*value), *revision)).collect()
    }
}

fn is_under(key: &Key, prefixes: &[Key]) -> bool {
    prefixes.iter().any(|prefix| key.as_bytes().starts_with(prefix.as_bytes()))
}

fn update(key: &Key, value: Option<u8>, mod_revision: Revision) -> KvUpdate {
    match value {
        Some(value) => KvUpdate::Put(KvEntry { key: key.clone(), value: vec![value].into(), mod_revision }),
        None => KvUpdate::Delete { key: key.clone(), mod_revision },
    }
}

/// Few keys, of which some contain others, so that they meet.
fn key(number: u8) -> Key {
    let bytes: &[u8] = match number % 8 {
        0 => b"a",
        1 => b"a/",
        2 => b"a/1",
        3 => b"a/\xff",
        4 => b"a0",
        5 => b"b",
        6 => b"\xff",
        _ => b"\xff\xff",
    };
    bytes.into()
}

fn prefix(number: u8) -> Key {
    if number == 8 { "".into() } else { key(number) }
}

fn transaction() -> impl Strategy<Value = Transaction> {
    let conditions = collection::vec((0..8_u8, option::of(0..4_u8)), 0..3);
    (
        conditions,
        collection::btree_map(0..8_u8, prop_oneof![3 => any::<u8>().prop_map(Some), 1 => Just(None)], 0..4),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_does_as_its_model(
        before in collection::vec(transaction(), 0..20),
        after in collection::vec(transaction(), 0..20),
        watched in collection::vec(0..9_u8, 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(compare(&before, &after, &watched));
    }
}

async fn compare(before: &[Transaction], after: &[Transaction], watched: &[u8]) {
    let (store, mut model) = (MemoryKv::new(), Model(vec![BTreeMap::new()]));
    let prefixes: Vec<_> = watched.iter().map(|number| prefix(*number)).collect();
    apply(&store, &mut model, before).await;
    let (tx, mut batches) = mpsc::channel::<KvBatch>(64);
    let begun = model.0.len() - 1;
    let work = async {
        let first = batches.recv().await.expect("what is there");
        assert_eq!(first.updates, model.state(&prefixes));
        apply(&store, &mut model, after).await;
        let live = receive(&mut batches, model.updates(begun, &prefixes).len()).await;
        assert_eq!(live, model.updates(begun, &prefixes));
        first.cursor
    };
    let cursor = until(work, store.watch_prefixes(&prefixes, tx)).await;
    resume(&store, &model, &prefixes, cursor, begun).await;
}

/// From where the first watch began, another delivers the same.
async fn resume(store: &MemoryKv, model: &Model, prefixes: &[Key], cursor: WatchCursor, begun: usize) {
    let (tx, mut batches) = mpsc::channel::<KvBatch>(64);
    let expected = model.updates(begun, prefixes);
    let work = async { assert_eq!(receive(&mut batches, expected.len()).await, expected) };
    until(work, store.watch_prefixes_from(prefixes, &cursor, tx)).await;
}

/// Both at once, until the work is done.
async fn until<T>(work: impl Future<Output = T>, watch: impl Future<Output = Result<(), KvError>>) -> T {
    tokio::select! {
        done = work => done,
        ended = watch => panic!("the watch has ended: {ended:?}"),
    }
}

async fn receive(batches: &mut mpsc::Receiver<KvBatch>, count: usize) -> Vec<KvUpdate> {
    let mut updates = Vec::new();
    while updates.len() < count {
        updates.extend(batches.recv().await.expect("the watch goes on").updates);
    }
    updates
}

async fn apply(store: &MemoryKv, model: &mut Model, transactions: &[Transaction]) {
    for (conditions, changes) in transactions {
        let version = |key: &Key, expected: u8| match expected {
            // Mostly what is there, so that most transactions take place.
            0 => Revision::new(2),
            _ => model.at(key),
        };
        let conditions: Vec<_> = conditions
            .iter()
            .map(|(number, expected)| (key(*number), *expected))
            .map(|(key, expected)| match expected {
                Some(expected) => KvCondition { version: Some(version(&key, expected).into()), key },
                None => KvCondition::absent(key),
            })
            .collect();
        let changes: Vec<_> = changes
            .iter()
            .map(|(number, value)| match value {
                Some(value) => KvChange::put(key(*number), [*value]),
                None => KvChange::Delete(key(*number)),
            })
            .collect();
        let done = store.transact(&conditions, &changes).await;
        assert_eq!(done, model.transact(&conditions, &changes));
        let listing = store.scan(&"".into()).await.expect("scan");
        let entries: Vec<_> = listing.entries.into_iter().map(KvUpdate::Put).collect();
        assert_eq!((listing.header.revision, entries), (model.revision(), model.state(&["".into()])));
    }
}
