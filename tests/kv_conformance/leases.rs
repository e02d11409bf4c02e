//! Keys that go by themselves, in real time. What they do in exact time is shown on memory alone, in virtual time.

use std::time::{Duration, Instant};

use aldis_etcd::kv::{KvChange, LeaseId, MAX_LEASE_TTL};

use crate::follow::Followed;
use crate::subject::{Subject, Told};

const SECOND: Duration = Duration::from_secs(1);

pub(crate) async fn tell(subject: &Subject, told: &mut Told) {
    let kv = &subject.kv;
    for ttl in [SECOND * 3, Duration::from_millis(2_001), MAX_LEASE_TTL] {
        let lease = kv.grant(ttl).await.expect("granted");
        told.tell("granted", lease.ttl);
        told.tell("renewed", kv.keep_alive(lease.id).await);
        told.tell("revoked", kv.revoke(lease.id).await);
        told.tell("revoked again", kv.revoke(lease.id).await);
        told.tell("renewed after its end", kv.keep_alive(lease.id).await);
        let put = [KvChange::put_under("l/none", "", lease.id)];
        told.tell("put after its end", kv.transact(&[], &put).await);
    }
    told.tell("too long", kv.grant(MAX_LEASE_TTL + SECOND).await);
    told.tell("of nobody", kv.keep_alive(LeaseId(4_242)).await);
    told.tell("of nobody", kv.revoke(LeaseId(4_242)).await);
    told.tell("too large", kv.put_with_ttl(&"l/none".into(), &vec![0; 2_000_000], SECOND).await);
    tell_revoke(subject, told).await;
    tell_expiry(subject, told).await;
}

async fn tell_revoke(subject: &Subject, told: &mut Told) {
    let kv = &subject.kv;
    let lease = kv.grant(SECOND * 60).await.expect("granted").id;
    let other = kv.grant(SECOND * 60).await.expect("granted").id;
    let under = |key: &str| KvChange::put_under(key, "1", lease);
    kv.transact(&[], &["l/2", "l/1", "l/freed", "l/moved", "l/gone"].map(under)).await.expect("put");
    kv.put(&"l/freed".into(), b"2").await.expect("put");
    kv.transact(&[], &[KvChange::put_under("l/moved", "2", other)]).await.expect("put");
    kv.delete(&"l/gone".into()).await.expect("delete");
    let mut watch = Followed::start(kv, &["l/1", "l/2", "l/f", "l/m"], None);
    told.tell("under leases", watch.updates().await);
    kv.revoke(lease).await.expect("revoked");
    told.tell("its keys in one transaction", watch.updates().await);
    kv.revoke(other).await.expect("revoked");
    told.tell("of the other", watch.updates().await);
    told.tell("what is left", kv.scan(&"l/".into()).await.map(|listing| listing.entries));
}

async fn tell_expiry(subject: &Subject, told: &mut Told) {
    let kv = &subject.kv;
    let lease = kv.grant(SECOND * 5).await.expect("granted").id;
    let renewed = kv.grant(SECOND * 5).await.expect("granted").id;
    let granted = Instant::now();
    let puts = [KvChange::put_under("x/b/1", "1", lease), KvChange::put_under("x/a/1", "1", lease)];
    kv.transact(&[], &puts).await.expect("put");
    kv.transact(&[], &[KvChange::put_under("x/kept", "1", renewed)]).await.expect("put");
    let mut watch = Followed::start(kv, &["x/a/", "x/b/"], None);
    told.tell("under a lease", watch.updates().await);
    let gone = loop {
        let renewed = kv.keep_alive(renewed).await;
        assert_eq!(renewed, Ok(SECOND * 5), "{}", subject.name);
        if let Ok(batch) = tokio::time::timeout(SECOND / 2, watch.batches.recv()).await {
            break batch.expect("the watch goes on").updates;
        }
        assert!(granted.elapsed() < SECOND * 60, "{}: the lease does not end", subject.name);
    };
    assert!(granted.elapsed() > SECOND * 4, "{}: it ends after {:?}", subject.name, granted.elapsed());
    told.tell("its keys go in one transaction", gone);
    told.tell("what is renewed stays", kv.get(&"x/kept".into()).await.expect("get").1);
    told.tell("renewed after its end", kv.keep_alive(lease).await);
    let mut watch = Followed::start(kv, &["x/"], None);
    told.tell("is left", watch.updates().await);
    kv.revoke(renewed).await.expect("revoked");
    told.tell("is revoked", watch.updates().await);
    let version = kv.put_with_ttl(&"x/short".into(), b"1", SECOND * 2).await.expect("put");
    told.tell("put with a ttl", version);
    told.tell("is put", watch.updates().await);
    told.tell("is gone", watch.updates().await);
    told.tell("so it cannot be updated", kv.update(&"x/short".into(), b"2", &version).await);
}
