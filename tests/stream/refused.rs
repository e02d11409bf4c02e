//! A publisher with a lease, some of whose keys are refused when they are to be put again.

use aldis_etcd::kv::{Key, KvError};
use aldis_etcd::stream::EtcdEntry;
use rig::eventually;

use crate::leasing::{PATIENCE, TTL, leased, revoke, shows};
use crate::publishing::{entries, shown};
use crate::troubled::Troubled;

#[tokio::test(start_paused = true)]
async fn a_key_that_is_refused_keeps_no_other_away_and_comes_back_with_its_right() {
    let denied = KvError::Denied { operation: "transact", cause: "permission denied".to_owned() };
    let too_large = KvError::TooLargeForServer { operation: "transact", cause: "too large".to_owned() };
    let kv = Troubled::new();
    let publisher = leased(&kv).await;
    let all: Vec<_> = (0..300).map(|n| EtcdEntry::new(format!("{n:03}").as_str(), "1")).collect();
    publisher.publish(all).await.expect("memory takes it");
    let refused = [(Key::from("007"), denied), (Key::from("200"), too_large)];
    kv.refuse(refused.clone());
    revoke(&kv, &publisher).await;
    eventually("the others are put again", PATIENCE, || publisher.status().regranted == 1).await;
    assert_eq!(shown(&kv).await.split(' ').count(), 298);
    assert_eq!((publisher.status().keys, publisher.status().refused), (298, refused.into()));
    kv.refuse([]);
    eventually("they are tried again", PATIENCE, || publisher.status().refused.is_empty()).await;
    assert_eq!((shown(&kv).await.split(' ').count(), publisher.status().keys), (300, 300));
    publisher.close().await.expect("memory revokes");
    assert_eq!(shown(&kv).await, "", "all are under the lease");
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_can_be_withdrawn_and_published_anew() {
    let denied = KvError::Denied { operation: "transact", cause: "permission denied".to_owned() };
    let kv = Troubled::new();
    let publisher = leased(&kv).await;
    publisher.publish(entries(&[("a", "1"), ("b", "1"), ("c", "1")])).await.expect("memory takes it");
    kv.refuse(["a", "b"].map(|key| (key.into(), denied.clone())));
    revoke(&kv, &publisher).await;
    shows(&kv, "c=1").await;
    eventually("both are named", PATIENCE, || publisher.status().refused.len() == 2).await;
    kv.refuse([]);
    publisher.withdraw(["a".into()]).await.expect("memory deletes");
    publisher.publish(entries(&[("b", "2")])).await.expect("memory takes it");
    assert!(publisher.status().refused.is_empty(), "{:?}", publisher.status());
    tokio::time::sleep(TTL).await;
    assert_eq!(shown(&kv).await, "b=2 c=1");
}
