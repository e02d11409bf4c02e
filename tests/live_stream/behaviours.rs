//! The behaviours of the table.

use std::time::{Duration, Instant};

use aldis_etcd::StartError;
use aldis_etcd::kv::etcd::{EtcdKv, EtcdOptions};
use aldis_etcd::kv::{KvReader, KvWriter, Revision};
use aldis_etcd::stream::{BurstKind, Publisher, Subscription, etcd_pub};
use futures_util::future::join_all;
use futures_util::stream;
use rig::etcd::Etcd;

use super::{SOON, connector, entries, kv, next, scope, shown, subscribe, told};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_connection_refused() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let endpoint = format!("http://{}", listener.local_addr().expect("address"));
    drop(listener);
    let began = Instant::now();
    let builder =
        Subscription::builder(connector(&endpoint), scope()).connect_timeout(Duration::from_secs(2));
    let error = builder.start().await.expect_err("nobody listens");
    assert!(
        matches!(error, StartError::Unreachable { .. }) && error.to_string().contains(&endpoint),
        "{error}"
    );
    let error = EtcdKv::connect(&EtcdOptions::new([&endpoint])).await.map(drop).expect_err("nobody listens");
    assert!(error.to_string().contains(&endpoint), "{error}");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_sub_empty_snapshot_then_live_write() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        let mut subscription = subscribe(&etcd.endpoint()).await;
        let snapshot = next(&mut subscription).await;
        assert_eq!((snapshot.kind, snapshot.updates), (BurstKind::Snapshot, Vec::new()), "{version}");
        etcd.put("p/a", "1");
        let live = next(&mut subscription).await;
        assert_eq!((live.kind, told(&live).as_str()), (BurstKind::Live, "p/a=1@2"), "{version}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_sub_snapshot_with_existing_keys() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        for (key, value) in [("p/b", "1"), ("p/a", "1"), ("q/foreign", "1"), ("p/b", "2")] {
            etcd.put(key, value);
        }
        let snapshot = next(&mut subscribe(&etcd.endpoint()).await).await;
        assert_eq!((snapshot.kind, snapshot.revision), (BurstKind::Snapshot, Revision::new(5)), "{version}");
        assert_eq!(told(&snapshot), "p/a=1@3 p/b=2@5", "{version}: each with its own revision");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_sub_live_updates() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        let mut subscription = subscribe(&etcd.endpoint()).await;
        next(&mut subscription).await;
        etcd.put("p/a", "1");
        etcd.put("q/foreign", "1");
        etcd.transaction(&[("p/b", "1"), ("q/foreign", "2"), ("p/a", "2")]);
        assert_eq!(told(&next(&mut subscription).await), "p/a=1@2", "{version}");
        let transaction = next(&mut subscription).await;
        assert_eq!(transaction.revision, Revision::new(4), "{version}");
        assert_eq!(told(&transaction), "p/b=1@4 p/a=2@4", "{version}: whole");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_pub_round_trip() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        let kv = kv(&etcd.endpoint()).await;
        let large = (0..300).map(|n| (format!("p/{n:03}"), n.to_string())).collect::<Vec<_>>();
        let large: Vec<_> = large.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let bursts = stream::iter([entries(&[("p/a", "1"), ("p/a", "2"), ("p/b", "1")]), entries(&large)]);
        etcd_pub(kv.clone(), bursts, None).await.expect("etcd takes it");
        assert_eq!(
            etcd.etcdctl(&["get", "p/a", "--print-value-only"]).trim(),
            "2",
            "{version}: the later wins"
        );
        assert_eq!(etcd.revision(), 5, "{version}: one transaction, then 128, 128 and 44 keys");
        let entry = kv.get(&"p/299".into()).await.expect("etcd answers").1.expect("there");
        assert_eq!((&*entry.value, entry.mod_revision), (&b"299"[..], Revision::new(5)), "{version}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_pub_lease_keys_expire_after_revoke() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        let kv = kv(&etcd.endpoint()).await;
        let mut subscription = subscribe(&etcd.endpoint()).await;
        next(&mut subscription).await;
        let bursts = stream::iter([entries(&[("p/a", "1"), ("p/b", "1")])]);
        etcd_pub(kv.clone(), bursts, Some(Duration::from_secs(600))).await.expect("etcd takes it");
        assert_eq!(shown(&kv).await, "", "{version}: gone as soon as it has ended");
        assert_eq!(told(&next(&mut subscription).await), "p/a=1@2 p/b=1@2", "{version}");
        assert_eq!(told(&next(&mut subscription).await), "-p/a@3 -p/b@3", "{version}: together");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_pub_lease_keepalive_extends_ttl() {
    let on_each = Etcd::available().into_iter().map(|version| async move {
        let etcd = Etcd::builder().version(&version).start();
        let kv = kv(&etcd.endpoint()).await;
        let ttl = Duration::from_secs(10);
        let publisher = Publisher::builder(kv.clone()).lease_ttl(ttl).open().await.expect("etcd grants");
        publisher.publish(entries(&[("p/a", "1")])).await.expect("etcd takes it");
        tokio::time::sleep(ttl * 2).await;
        let entry = kv.get(&"p/a".into()).await.expect("etcd answers").1.expect("still there");
        assert_eq!(entry.mod_revision, Revision::new(2), "{version}: kept, not put again");
        assert_eq!(publisher.status().regranted, 0, "{version}");
        publisher.close().await.expect("etcd revokes");
    });
    join_all(on_each).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_pub_no_lease_keys_persist() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        let kv = kv(&etcd.endpoint()).await;
        let bursts = stream::iter([entries(&[("p/a", "1")])]);
        etcd_pub(kv.clone(), bursts, None).await.expect("etcd takes it");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(shown(&kv).await, "p/a=1", "{version}");
        assert!(etcd.etcdctl(&["lease", "list"]).contains("found 0 leases"), "{version}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_sub_delete_events() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        for key in ["p/a", "p/b", "p/c"] {
            etcd.put(key, "1");
        }
        let mut subscription = subscribe(&etcd.endpoint()).await;
        next(&mut subscription).await;
        let kv = kv(&etcd.endpoint()).await;
        kv.delete(&"p/b".into()).await.expect("etcd deletes");
        assert_eq!(told(&next(&mut subscription).await), "-p/b@5", "{version}");
        etcd.etcdctl(&["del", "--prefix", "p/"]);
        let both = tokio::time::timeout(SOON, subscription.next()).await.expect("in time").expect("lives");
        assert_eq!(told(&both), "-p/a@6 -p/c@6", "{version}");
    }
}
