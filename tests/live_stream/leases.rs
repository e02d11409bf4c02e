//! What the keys of a leased publisher survive.

use std::time::Duration;

use aldis_etcd::kv::{KvError, KvTtl};
use aldis_etcd::stream::Publisher;
use rig::etcd::Etcd;
use rig::eventually;
use rig::link::Link;

use super::{CONVERGENCE, SOON, entries, kv, shown, shows};

/// Long enough that a busy machine does not lose it by chance, short enough to wait for its end.
const TTL: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_lost_over_an_outage_is_granted_anew_with_all_its_keys() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        let (link, direct) = (Link::to(etcd.address()), kv(&etcd.endpoint()).await);
        let publisher = Publisher::builder(kv(&link.endpoint()).await).lease_ttl(TTL);
        let publisher = publisher.open().await.expect("etcd grants");
        publisher.publish(entries(&[("p/a", "1"), ("p/b", "1")])).await.expect("etcd takes it");
        publisher.publish(entries(&[("p/a", "2")])).await.expect("etcd takes it");
        link.cut();
        shows(&direct, "", CONVERGENCE).await;
        assert!(publisher.publish(entries(&[("p/c", "1")])).await.is_err(), "{version}: nobody answers");
        link.pass();
        shows(&direct, "p/a=2 p/b=1", CONVERGENCE).await;
        eventually("the status says so", SOON, || publisher.status().regranted == 1).await;
        publisher.publish(entries(&[("p/c", "1")])).await.expect("etcd takes it");
        publisher.close().await.expect("etcd revokes");
        assert_eq!(shown(&direct).await, "", "{version}: all under the new lease");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_somebody_revokes_is_granted_anew_and_a_wiped_cluster_is_filled_again() {
    for version in Etcd::available() {
        let mut etcd = Etcd::builder().version(&version).start();
        let kv = kv(&etcd.endpoint()).await;
        let publisher = Publisher::builder(kv.clone()).lease_ttl(TTL);
        let publisher = publisher.open().await.expect("etcd grants");
        publisher.publish(entries(&[("p/a", "1"), ("p/b", "1")])).await.expect("etcd takes it");
        let lease = publisher.status().lease.expect("it stands").id;
        kv.revoke(lease).await.expect("etcd revokes");
        // The write meets it first, and need not wait for the renewal.
        publisher.publish(entries(&[("p/b", "2")])).await.expect("under another lease");
        assert_eq!(shown(&kv).await, "p/a=1 p/b=2", "{version}");
        etcd.wipe_and_restart();
        shows(&kv, "p/a=1 p/b=2", CONVERGENCE).await;
        etcd.restart();
        tokio::time::sleep(TTL + Duration::from_secs(1)).await;
        shows(&kv, "p/a=1 p/b=2", SOON).await;
        assert_eq!(publisher.status().regranted, 2, "{version}: not over a restart");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn create_only_keys_are_left_to_whoever_has_them() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        let kv = kv(&etcd.endpoint()).await;
        etcd.put("p/b", "theirs");
        let publisher = Publisher::builder(kv.clone()).create_only().lease_ttl(TTL);
        let publisher = publisher.open().await.expect("etcd grants");
        let error = publisher.publish(entries(&[("p/a", "1"), ("p/b", "1")])).await.expect_err("b exists");
        assert!(
            matches!(&error.cause, KvError::AlreadyExists { key, .. } if *key == "p/b".into()),
            "{error}"
        );
        assert_eq!(shown(&kv).await, "p/b=theirs", "{version}");
        publisher.publish(entries(&[("p/a", "1"), ("p/c", "1")])).await.expect("new");
        kv.revoke(publisher.status().lease.expect("it stands").id).await.expect("etcd revokes");
        etcd.put("p/c", "theirs");
        shows(&kv, "p/a=1 p/b=theirs p/c=theirs", CONVERGENCE).await;
        assert_eq!(publisher.status().taken, ["p/c".into()].into(), "{version}");
        drop(publisher);
        shows(&kv, "p/b=theirs p/c=theirs", SOON).await;
    }
}
