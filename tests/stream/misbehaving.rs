//! A subscription to a backend that misbehaves, and for a consumer that does not hurry.

use std::sync::Arc;
use std::time::Duration;

use aldis_etcd::State;
use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{Revision, Scope};
use aldis_etcd::stream::{BurstKind, Subscription};
use rig::eventually;

use crate::faulty::{Fault, Faulty};
use crate::replica::Replica;
use crate::subscribing::{PATIENCE, next, put, shown, subscribe};

/// A live subscription that has taken its snapshot, and a hand on its backend.
async fn live(kv: &MemoryKv) -> (Faulty, Subscription) {
    let faulty = Faulty::over(kv);
    let mut subscription = subscribe(faulty.clone()).await;
    next(&mut subscription).await;
    eventually("it is live", PATIENCE, || subscription.status().state == State::Live).await;
    (faulty, subscription)
}

/// Reads until the replica is what the store holds.
async fn catches_up(subscription: &mut Subscription, replica: &mut Replica, expected: &str) {
    while replica.shown() != expected {
        replica.apply(&next(subscription).await).expect("as promised");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_event_is_found_by_a_read() {
    let kv = MemoryKv::new();
    put(&kv, "p/a", "1").await;
    let (faulty, mut subscription) = live(&kv).await;
    faulty.set(Fault::LoseEvents);
    put(&kv, "p/a", "2").await;
    let burst = next(&mut subscription).await;
    assert_eq!((burst.kind, shown(&burst).as_str()), (BurstKind::Difference, "p/a=2@3"));
    put(&kv, "p/a", "3").await;
    let burst = next(&mut subscription).await;
    assert_eq!((burst.kind, shown(&burst).as_str()), (BurstKind::Live, "p/a=3@4"));
    let status = subscription.status();
    assert_eq!((status.repairs, status.reconnects), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_the_watch_has_overtaken_repairs_and_takes_nothing_back() {
    let kv = MemoryKv::new();
    put(&kv, "p/b", "1").await;
    let (faulty, mut subscription) = live(&kv).await;
    faulty.set(Fault::LoseEvents);
    put(&kv, "p/a", "1").await;
    eventually("it is lost", PATIENCE, || !faulty.is_set()).await;
    faulty.set(Fault::SlowList);
    eventually("a list is under way", PATIENCE, || !faulty.is_set()).await;
    put(&kv, "p/b", "2").await;
    put(&kv, "p/c", "1").await;
    assert_eq!(shown(&next(&mut subscription).await), "p/b=2@4");
    assert_eq!(shown(&next(&mut subscription).await), "p/c=1@5");
    let repair = next(&mut subscription).await;
    assert_eq!((repair.kind, shown(&repair).as_str()), (BurstKind::Difference, "p/a=1@3"));
    assert_eq!(repair.revision, Revision::new(5), "not back to that of the list");
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_one_reconnect_and_tells_nothing_twice() {
    for fault in [Fault::PanicInList, Fault::PanicInWatch, Fault::PanicInNext] {
        let kv = MemoryKv::new();
        put(&kv, "p/a", "1").await;
        let faulty = Faulty::over(&kv);
        let mut subscription = subscribe(faulty.clone()).await;
        let mut replica = Replica::default();
        faulty.set(fault);
        kv.cut_watches();
        put(&kv, "p/b", "2").await;
        catches_up(&mut subscription, &mut replica, "p/a=1@2 p/b=2@3").await;
        eventually("the panic is counted", PATIENCE, || subscription.status().panics == 1).await;
        put(&kv, "p/a", "3").await;
        catches_up(&mut subscription, &mut replica, "p/a=3@4 p/b=2@3").await;
        eventually("it is live", PATIENCE, || subscription.status().state == State::Live).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_never_answered_is_given_up() {
    for fault in
        [Fault::SilentConnect, Fault::SilentHead, Fault::SilentList, Fault::SilentWatch, Fault::SilentNext]
    {
        let kv = MemoryKv::new();
        put(&kv, "p/a", "1").await;
        let faulty = Faulty::over(&kv);
        let mut subscription = subscribe(faulty.clone()).await;
        let mut replica = Replica::default();
        faulty.set(fault);
        kv.cut_watches();
        put(&kv, "p/a", "2").await;
        catches_up(&mut subscription, &mut replica, "p/a=2@3").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_pauses_holds_it_back_and_loses_nothing() {
    let kv = MemoryKv::new();
    let builder = Subscription::builder(Arc::new(kv.clone()), Scope::parse("p/")).capacity(2);
    let mut subscription = builder.start().await.expect("memory answers");
    eventually("it is live", PATIENCE, || subscription.status().state == State::Live).await;
    let mut last = Revision::ZERO;
    for number in 0..5_000 {
        last = put(&kv, "p/a", &number.to_string()).await;
    }
    tokio::time::sleep(Duration::from_secs(600)).await;
    let status = subscription.status();
    assert!(status.is_held_back, "{status:?}");
    assert_eq!(
        status.revision,
        Some(Revision::new(2)),
        "snapshot and one transaction wait, the rest stays there"
    );
    let mut replica = Replica::default();
    while replica.revision() < last {
        replica.apply_gapless(&next(&mut subscription).await).expect("the next");
        if replica.revision().as_u64() % 1_000 == 0 {
            tokio::time::sleep(Duration::from_secs(120)).await;
        }
    }
    let status = subscription.status();
    assert_eq!((status.reconnects, status.is_held_back, replica.differences), (0, false, 0), "{status:?}");
}
