//! What a subscription survives.

use std::sync::Arc;
use std::time::Duration;

use aldis_etcd::State;
use aldis_etcd::kv::{KvChange, KvTransact, KvWriter, Revision};
use aldis_etcd::stream::{BurstKind, Subscription};
use rig::etcd::Etcd;
use rig::eventually;
use rig::link::{Blackhole, Link};

use super::replica::Replica;
use super::{CONVERGENCE, SOON, connector, follow, held, kv, next, scope, shown, subscribe, told};

const MIB: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prefix_and_a_history_far_beyond_four_mebibytes_are_yielded() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        let link = Link::to(etcd.address());
        let kv = kv(&etcd.endpoint()).await;
        for number in 0..6 {
            kv.put(&format!("p/{number}").as_str().into(), &vec![b'x'; MIB]).await.expect("put");
        }
        let (mut subscription, mut replica) = (subscribe(&link.endpoint()).await, Replica::default());
        follow(&mut subscription, &mut replica, Revision::new(7)).await;
        assert!(replica.equals(&held(&kv).await), "{version}");
        link.cut();
        for number in 0..8 {
            kv.put(&"p/3".into(), &vec![b'a' + number; MIB]).await.expect("put");
        }
        link.pass();
        follow(&mut subscription, &mut replica, Revision::new(15)).await;
        assert!(replica.equals(&held(&kv).await), "{version}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_compacted_and_deleted_while_it_was_cut_off_comes_as_the_difference() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        let link = Link::to(etcd.address());
        for key in ["p/same", "p/changed", "p/gone"] {
            etcd.put(key, "1");
        }
        let mut subscription = subscribe(&link.endpoint()).await;
        assert_eq!(next(&mut subscription).await.kind, BurstKind::Snapshot, "{version}");
        link.cut();
        etcd.put("p/changed", "2");
        etcd.put("p/fleeting", "1");
        etcd.put("p/new", "1");
        etcd.delete("p/gone");
        etcd.delete("p/fleeting");
        etcd.compact();
        link.pass();
        let burst = next(&mut subscription).await;
        assert_eq!((burst.kind, burst.revision), (BurstKind::Difference, Revision::new(9)), "{version}");
        assert_eq!(told(&burst), "p/changed=2@5 p/new=1@7 -p/gone@9", "{version}");
        etcd.put("p/new", "2");
        assert_eq!(told(&next(&mut subscription).await), "p/new=2@10", "{version}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_restarts_cuts_and_a_black_hole_no_transaction_is_missing() {
    for version in Etcd::available() {
        let mut etcd = Etcd::builder().version(&version).start();
        let link = Link::to(etcd.address());
        let (mut subscription, mut replica) = (subscribe(&link.endpoint()).await, Replica::default());
        etcd.put("p/a", "1");
        follow(&mut subscription, &mut replica, Revision::new(2)).await;
        etcd.restart();
        etcd.put("p/b", "1");
        etcd.transaction(&[("p/a", "2"), ("p/b", "2")]);
        follow(&mut subscription, &mut replica, Revision::new(4)).await;
        for number in 0..5 {
            link.close_existing();
            etcd.put("p/c", number.to_string());
        }
        follow(&mut subscription, &mut replica, Revision::new(9)).await;
        link.blackhole(Blackhole::Both);
        eventually("it is noticed", CONVERGENCE, || subscription.status().state == State::Stale).await;
        etcd.put("p/c", "5");
        link.pass();
        follow(&mut subscription, &mut replica, Revision::new(10)).await;
        assert_eq!(replica.shown(), "p/a=2@4 p/b=2@4 p/c=5@10", "{version}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_cluster_is_named_and_followed() {
    for version in Etcd::available() {
        let mut etcd = Etcd::builder().version(&version).start();
        for number in 0..10 {
            etcd.put("p/gone", number.to_string());
        }
        let mut subscription = subscribe(&etcd.endpoint()).await;
        next(&mut subscription).await;
        etcd.wipe_and_restart();
        let burst = next(&mut subscription).await;
        let BurstKind::NewIncarnation { from, to } = burst.kind else { panic!("{version}: {burst:?}") };
        assert!(from.revision > to.revision && burst.revision == to.revision, "{version}: {burst:?}");
        assert_eq!(told(&burst), format!("-p/gone@{}", to.revision), "{version}");
        etcd.put("p/new", "1");
        assert_eq!(next(&mut subscription).await.kind, BurstKind::Live, "{version}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_pauses_for_longer_than_a_silence_is_borne_keeps_its_connection() {
    let etcd = Etcd::start();
    let builder = Subscription::builder(connector(&etcd.endpoint()), scope()).capacity(4);
    let builder = builder.heartbeat(Duration::from_millis(500), Duration::from_secs(6));
    let mut subscription = builder.start().await.expect("etcd answers");
    eventually("it is live", SOON, || subscription.status().state == State::Live).await;
    let kv = kv(&etcd.endpoint()).await;
    let mut last = Revision::ZERO;
    // Sixty megabytes, far beyond what the connection takes in by itself.
    for number in 0..60_u32 {
        let value = vec![u8::try_from(number).expect("small"); MIB];
        last = kv.transact(&[], &[KvChange::put("p/a", value)]).await.expect("put");
    }
    tokio::time::sleep(Duration::from_secs(12)).await;
    let status = subscription.status();
    assert!(status.is_held_back && status.revision < Some(Revision::new(6)), "{status:?}");
    let mut replica = Replica::default();
    follow(&mut subscription, &mut replica, last).await;
    let status = subscription.status();
    assert_eq!((status.reconnects, status.cancels, replica.differences), (0, 0, 0), "{status:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_it_closes_the_connection_even_when_it_is_held_back() {
    let etcd = Etcd::start();
    let link = Link::to(etcd.address());
    let connect = connector(&link.endpoint());
    let held_back =
        Subscription::builder(Arc::clone(&connect) as _, scope()).capacity(1).start().await.expect("answers");
    let other = subscribe(&link.endpoint()).await;
    etcd.put("p/a", "1");
    eventually("it is held back", SOON, || held_back.status().is_held_back).await;
    assert_eq!(link.open(), 2);
    drop((held_back, other));
    eventually("no connection is left", SOON, || link.open() == 0).await;
    assert_eq!(shown(&*kv(&etcd.endpoint()).await).await, "p/a=1");
}
