//! Under authentication.

use std::sync::Arc;
use std::time::Duration;

use aldis_etcd::kv::Revision;
use aldis_etcd::kv::etcd::{EtcdConnector, EtcdKv, EtcdOptions};
use aldis_etcd::stream::{Publisher, etcd_sub};
use rig::etcd::Etcd;
use rig::link::Link;

use super::replica::Replica;
use super::{entries, follow, scope};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_expire_are_renewed_for_the_watch_the_writes_and_the_lease() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).root_password("hunter2");
        let etcd = etcd.argument("--auth-token-ttl=1").start();
        let link = Link::to(etcd.address());
        let options = EtcdOptions::new([link.endpoint()]).credentials("root", "hunter2");
        let connect = Arc::new(EtcdConnector::new(&options).expect("options"));
        let mut subscription = etcd_sub(connect, scope()).await.expect("etcd answers");
        let kv = Arc::new(EtcdKv::connect(&options).await.expect("etcd answers"));
        let publisher = Publisher::builder(kv).lease_ttl(Duration::from_secs(15));
        let publisher = publisher.open().await.expect("etcd grants");
        let mut replica = Replica::default();
        for (number, value) in ["1", "2", "3"].into_iter().enumerate() {
            let revision = publisher.publish(entries(&[("p/a", value)])).await.expect("etcd takes it");
            assert_eq!(revision, Some(Revision::new(2 + u64::try_from(number).expect("small"))), "{version}");
            follow(&mut subscription, &mut replica, revision.expect("a burst")).await;
            tokio::time::sleep(Duration::from_secs(4)).await;
            if number == 0 {
                link.close_existing();
            }
        }
        assert_eq!((replica.shown().as_str(), publisher.status().regranted), ("p/a=3@4", 0), "{version}");
        publisher.close().await.expect("etcd revokes");
        follow(&mut subscription, &mut replica, Revision::new(5)).await;
        assert_eq!(replica.shown(), "", "{version}");
    }
}
