//! Writers beside each other, and watches that begin in the middle of it: nothing is lost, repeated or torn.

use std::collections::BTreeMap;
use std::sync::Arc;

use aldis_etcd::kv::{Key, KvChange, KvUpdate, Revision};

use crate::follow::Followed;
use crate::subject::{Backend, Subject};

const WRITERS: u64 = 4;
const TRANSACTIONS: u64 = 60;

/// What ends it: the last key of the order, so that it comes last.
const END: &str = "t/z";

#[tokio::test(flavor = "multi_thread")]
async fn no_transaction_is_torn_lost_or_repeated_beside_concurrent_writers() {
    let mut subjects = Subject::every_etcd().await;
    subjects.push(Subject::memory());
    for subject in subjects {
        let kv = &subject.kv;
        // It sees everything in one watch, so nothing is to be merged: the measure of the others.
        let mut measure = Followed::start(kv, &["t/"], None);
        assert_eq!(measure.updates().await, []);
        let writers: Vec<_> = (0..WRITERS).map(|seed| tokio::spawn(write(Arc::clone(kv), seed))).collect();
        let mut watches = Vec::new();
        for prefixes in [&["t/a", "t/c", "t/z"][..], &["t/b", "t/z"], &["t/a", "t/b", "t/c", "t/d", "t/z"]] {
            watches.push((prefixes, Followed::start(kv, prefixes, None)));
            tokio::task::yield_now().await;
        }
        for writer in writers {
            writer.await.expect("it writes");
        }
        kv.put(&END.into(), b"").await.expect("put");
        let expected = transactions(&mut measure).await;
        for (prefixes, mut watch) in watches {
            check(&subject.name, prefixes, &expected, &mut watch).await;
        }
    }
}

/// Transactions over some of the prefixes each.
async fn write(kv: Arc<dyn Backend>, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    for number in 0..TRANSACTIONS {
        let mut changes = Vec::new();
        let prefixes = random.choose_multiple(["a", "b", "c", "d"], usize::from(number % 4 == 0) + 2);
        for prefix in prefixes {
            let key = Key::from(format!("t/{prefix}/{}", random.u8(..20)).as_str());
            changes.push(match random.u8(..4) {
                0 => KvChange::Delete(key),
                _ => KvChange::put(key, format!("{seed} {number}").into_bytes()),
            });
        }
        kv.transact(&[], &changes).await.expect("done");
    }
}

/// All changes by revision, up to the end.
async fn transactions(watch: &mut Followed) -> BTreeMap<Revision, Vec<KvUpdate>> {
    let mut all: BTreeMap<Revision, Vec<KvUpdate>> = BTreeMap::new();
    while !all.last_key_value().is_some_and(|(_, last)| last.iter().any(|update| *update.key() == END.into()))
    {
        for update in watch.collect(1).await {
            all.entry(update.mod_revision()).or_default().push(update);
        }
    }
    all
}

/// What the watch began with is what the transactions up to there come to, and what it delivered is all that follow.
async fn check(
    name: &str,
    prefixes: &[&str],
    expected: &BTreeMap<Revision, Vec<KvUpdate>>,
    watch: &mut Followed,
) {
    let is_watched = |update: &&KvUpdate| {
        prefixes.iter().any(|prefix| update.key().as_bytes().starts_with(prefix.as_bytes()))
    };
    let first = watch.next().await.expect("what is there");
    let mut live: Vec<KvUpdate> = Vec::new();
    while live.last().is_none_or(|last| *last.key() != END.into()) {
        // Also holds each batch to whole transactions, in order.
        live.extend(watch.collect(1).await);
    }
    let all: Vec<_> = expected.values().flatten().filter(is_watched).cloned().collect();
    let begun = all.len().checked_sub(live.len()).expect("no more than there is");
    assert_eq!(live, all[begun..], "{name}: {prefixes:?}");
    let mut there = BTreeMap::new();
    for update in &all[..begun] {
        match update {
            KvUpdate::Put(entry) => there.insert(entry.key.clone(), update.clone()),
            KvUpdate::Delete { key, .. } => there.remove(key),
        };
    }
    let first: BTreeMap<_, _> =
        first.updates.into_iter().map(|update| (update.key().clone(), update)).collect();
    assert_eq!(first, there, "{name}: {prefixes:?}");
}
