//! Writers beside each other, and watches that begin in the middle of it: nothing is lost, repeated or torn.

use std::collections::BTreeMap;
use std::sync::Arc;

use aldis_etcd::kv::{Key, KvChange, KvUpdate, Revision};
use tokio::sync::Semaphore;

use crate::follow::Followed;
use crate::subject::{Backend, Subject};

const WRITERS: u32 = 4;
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
        let begun = Arc::new(Semaphore::new(0));
        let write = |seed| tokio::spawn(write(Arc::clone(kv), seed, Arc::clone(&begun)));
        let writers: Vec<_> = (0..WRITERS).map(write).collect();
        let mut watches = Vec::new();
        for prefixes in [&["t/a", "t/c", "t/z"][..], &["t/b", "t/z"], &["t/a", "t/b", "t/c", "t/d", "t/z"]] {
            while kv.keys(&"t/".into()).await.expect("it answers").is_empty() {
                tokio::task::yield_now().await;
            }
            let mut watch = Followed::start(kv, prefixes, None);
            let first = watch.updates().await;
            watches.push((prefixes, watch, first));
        }
        begun.add_permits(WRITERS as usize);
        for writer in writers {
            writer.await.expect("it writes");
        }
        kv.put(&END.into(), b"").await.expect("put");
        let expected = transactions(&mut measure).await;
        let mut in_the_middle = 0;
        for (prefixes, mut watch, first) in watches {
            let (begun, live) = check(&subject.name, prefixes, &expected, first, &mut watch).await;
            in_the_middle += usize::from(begun > 0 && live > 1);
        }
        assert!(in_the_middle > 0, "{}: every watch began before the writers or after them", subject.name);
    }
}

/// Transactions over some of the prefixes each; the last of them once the watches have begun.
async fn write(kv: Arc<dyn Backend>, seed: u32, begun: Arc<Semaphore>) {
    let mut random = fastrand::Rng::with_seed(seed.into());
    for number in 0..TRANSACTIONS {
        if number == TRANSACTIONS - 10 {
            begun.acquire().await.expect("open").forget();
        }
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

/// What the watch began with is what the transactions up to there come to, and what it delivered is all that follow. How
/// many updates lie before it and in it.
async fn check(
    name: &str,
    prefixes: &[&str],
    expected: &BTreeMap<Revision, Vec<KvUpdate>>,
    first: Vec<KvUpdate>,
    watch: &mut Followed,
) -> (usize, usize) {
    let is_watched = |update: &&KvUpdate| {
        prefixes.iter().any(|prefix| update.key().as_bytes().starts_with(prefix.as_bytes()))
    };
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
    let first: BTreeMap<_, _> = first.into_iter().map(|update| (update.key().clone(), update)).collect();
    assert_eq!(first, there, "{name}: {prefixes:?}");
    (begun, live.len())
}
