//! A subscription, one statement at a time.

use std::sync::Arc;
use std::time::Duration;

use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{Connect, KvChange, KvUpdate, KvWriter, Revision, Scope};
use aldis_etcd::stream::{Burst, BurstKind, Subscription, etcd_sub};
use futures_util::StreamExt;
use rig::eventually;

use crate::replica::Replica;

/// Virtual.
pub(crate) const PATIENCE: Duration = Duration::from_secs(200);

pub(crate) async fn subscribe(connect: impl Connect + 'static) -> Subscription {
    etcd_sub(Arc::new(connect), Scope::parse("p/")).await.expect("memory answers")
}

pub(crate) async fn next(subscription: &mut Subscription) -> Burst {
    tokio::time::timeout(PATIENCE, subscription.next()).await.expect("in time").expect("the task lives")
}

pub(crate) async fn put(kv: &MemoryKv, key: &str, value: &str) -> Revision {
    let version = kv.put(&key.into(), value.as_bytes()).await.expect("put");
    version.revision().expect("memory counts revisions")
}

/// `key=value@revision` and `-key`, joined by blanks.
pub(crate) fn shown(burst: &Burst) -> String {
    let shown = burst.updates.iter().map(|update| match update {
        KvUpdate::Put(entry) => {
            format!("{}={}@{}", entry.key, String::from_utf8_lossy(&entry.value), entry.mod_revision)
        }
        KvUpdate::Delete { key, mod_revision } => format!("-{key}@{mod_revision}"),
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[tokio::test(start_paused = true)]
async fn an_empty_scope_is_a_snapshot_too_and_a_transaction_is_one_burst() {
    let kv = MemoryKv::new();
    put(&kv, "q/foreign", "0").await;
    let mut subscription = subscribe(kv.clone()).await;
    let first = next(&mut subscription).await;
    assert_eq!(first, Burst { kind: BurstKind::Snapshot, revision: Revision::new(2), updates: Vec::new() });
    let change = |key: &str| KvChange::put(key, b"1".to_vec());
    kv.transaction([change("p/b"), change("q/foreign"), change("p/a")]);
    kv.transaction([KvChange::Delete("p/b".into()), change("p/c")]);
    let (one, two) = (next(&mut subscription).await, next(&mut subscription).await);
    assert_eq!((one.kind, one.revision), (BurstKind::Live, Revision::new(3)));
    assert_eq!((shown(&one).as_str(), shown(&two).as_str()), ("p/b=1@3 p/a=1@3", "-p/b@4 p/c=1@4"));
}

#[tokio::test(start_paused = true)]
async fn entries_of_the_snapshot_keep_their_own_revisions() {
    let kv = MemoryKv::new();
    for key in ["p/b", "p/a", "q/foreign", "p/b"] {
        put(&kv, key, "1").await;
    }
    let snapshot = next(&mut subscribe(kv.clone()).await).await;
    assert_eq!((shown(&snapshot).as_str(), snapshot.revision), ("p/a=1@3 p/b=1@5", Revision::new(5)));
    let mut one_key = etcd_sub(Arc::new(kv.clone()), Scope::Key("p/a".into())).await.expect("memory answers");
    assert_eq!(shown(&next(&mut one_key).await), "p/a=1@3");
}

#[tokio::test(start_paused = true)]
async fn over_cuts_every_transaction_comes_once_and_in_order() {
    let kv = MemoryKv::new();
    let mut subscription = subscribe(kv.clone()).await;
    let mut replica = Replica::default();
    for number in 0..300 {
        let last = put(&kv, &format!("p/{}", number % 7), &number.to_string()).await;
        if number % 20 == 0 {
            kv.cut_watches();
        }
        while number % 3 == 0 && replica.revision() < last {
            replica.apply_gapless(&next(&mut subscription).await).expect("the next");
        }
    }
    assert!(subscription.status().reconnects >= 10, "{:?}", subscription.status());
}

#[tokio::test(start_paused = true)]
async fn what_was_compacted_meanwhile_comes_as_exactly_the_difference() {
    let kv = MemoryKv::new();
    for key in ["p/same", "p/changed", "p/gone"] {
        put(&kv, key, "1").await;
    }
    let mut subscription = subscribe(kv.clone()).await;
    assert_eq!(next(&mut subscription).await.kind, BurstKind::Snapshot);
    kv.cut_watches();
    put(&kv, "p/changed", "2").await;
    put(&kv, "p/fleeting", "1").await;
    put(&kv, "p/new", "1").await;
    kv.delete(&"p/gone".into()).await.expect("delete");
    kv.delete(&"p/fleeting".into()).await.expect("delete");
    kv.compact(kv.revision()).expect("compacts");
    let difference = next(&mut subscription).await;
    assert_eq!((difference.kind, difference.revision), (BurstKind::Difference, Revision::new(9)));
    assert_eq!(shown(&difference), "p/changed=2@5 p/new=1@7 -p/gone@9");

    // Nothing differs: nothing is told.
    kv.cut_watches();
    put(&kv, "q/foreign", "1").await;
    put(&kv, "q/foreign", "2").await;
    kv.compact(kv.revision()).expect("compacts");
    eventually("it is cancelled again", PATIENCE, || subscription.status().cancels == 2).await;
    // Until it has listed, and watches again.
    tokio::time::sleep(Duration::from_secs(1)).await;
    put(&kv, "p/new", "2").await;
    let live = next(&mut subscription).await;
    assert_eq!((live.kind, shown(&live).as_str()), (BurstKind::Live, "p/new=2@12"));
}

#[tokio::test(start_paused = true)]
async fn a_wiped_cluster_is_named_and_followed() {
    let kv = MemoryKv::new();
    put(&kv, "p/same", "1").await;
    put(&kv, "p/other", "1").await;
    put(&kv, "p/gone", "1").await;
    let mut subscription = subscribe(kv.clone()).await;
    next(&mut subscription).await;
    kv.wipe();
    put(&kv, "p/same", "1").await;
    put(&kv, "p/other", "2").await;
    let burst = next(&mut subscription).await;
    let BurstKind::NewIncarnation { from, to } = burst.kind else { panic!("{burst:?}") };
    assert_eq!(
        (from.revision, to.revision, burst.revision),
        (Revision::new(4), Revision::new(3), to.revision)
    );
    // The same revision with another value is another version; with the same value it is what was delivered.
    assert_eq!(shown(&burst), "p/other=2@3 -p/gone@3");

    kv.wipe();
    assert_eq!(shown(&next(&mut subscription).await), "-p/other@1 -p/same@1");
    put(&kv, "p/x", "1").await;
    next(&mut subscription).await;
    kv.delete(&"p/x".into()).await.expect("delete");
    next(&mut subscription).await;
    kv.wipe();
    let burst = next(&mut subscription).await;
    assert!(matches!(burst.kind, BurstKind::NewIncarnation { .. }), "told though nothing differs: {burst:?}");
    assert_eq!(burst.updates, []);
}

#[tokio::test(start_paused = true)]
async fn it_is_a_stream_and_dropping_it_ends_the_task() {
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    let kv = MemoryKv::new();
    let subscription = subscribe(kv.clone()).await;
    put(&kv, "p/a", "1").await;
    assert_eq!(alive(), before + 1);
    let kinds: Vec<_> = subscription.map(|burst| burst.kind).take(2).collect().await;
    assert_eq!(kinds, [BurstKind::Snapshot, BurstKind::Live]);
    eventually("the task ends", Duration::from_secs(5), || alive() == before).await;

    // Also one that is held back.
    let builder = Subscription::builder(Arc::new(kv.clone()), Scope::parse("p/")).capacity(1);
    let subscription = builder.start().await.expect("memory answers");
    put(&kv, "p/a", "2").await;
    eventually("it is held back", PATIENCE, || subscription.status().is_held_back).await;
    drop(subscription);
    eventually("the task ends", Duration::from_secs(5), || alive() == before).await;
}
