//! The handoff from the snapshot to the watch, while others write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use aldis_etcd::kv::etcd::{EtcdConnector, EtcdKv};
use aldis_etcd::kv::{
    Connect, KvChange, KvError, KvSource, KvTransact, KvUpdate, KvWatch, Listing, Revision, Scope,
};
use aldis_etcd::stream::{Burst, BurstKind, Subscription, etcd_sub};
use async_trait::async_trait;
use futures_util::future::join_all;
use rig::etcd::Etcd;

use super::replica::Replica;
use super::{CONVERGENCE, connector, held, kv, scope};

const SUBSCRIPTIONS: usize = 30;

/// How a subscription hands over from list to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handoff {
    Sound,
    /// The watch starts one revision late.
    Late,
}

/// Four writers never rest while subscriptions are opened, and another transaction is made between each list and the
/// watch that follows it. Nobody else writes, so every revision from the snapshot on is a transaction that each
/// subscription must yield, once and whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_sub_no_race_between_snapshot_and_watch() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        for (number, outcome) in race(&etcd, Handoff::Sound).await.into_iter().enumerate() {
            assert_eq!(outcome, Ok(()), "{version}: subscription {number}");
        }
    }
}

/// The known-bad twin: the same race with a handoff that loses must be found out, each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handoff_that_is_late_by_one_revision_is_found_out() {
    let etcd = Etcd::start();
    for (number, outcome) in race(&etcd, Handoff::Late).await.into_iter().enumerate() {
        // For the gap itself, and not because it came to nothing in time.
        let is_found =
            outcome.as_ref().is_err_and(|broken| broken.starts_with("Live") && broken.contains(" follows "));
        assert!(is_found, "subscription {number}: {outcome:?}");
    }
}

/// What each subscription came to.
async fn race(etcd: &Etcd, handoff: Handoff) -> Vec<Result<(), String>> {
    let kv = kv(&etcd.endpoint()).await;
    let over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4).map(|name| tokio::spawn(write(kv.clone(), name, over.clone()))).collect();
    let opened = Arc::default();
    let between = Between { etcd: connector(&etcd.endpoint()), writer: kv.clone(), handoff, opened };
    let open = |_| etcd_sub(Arc::new(between.clone()), scope());
    let opened = join_all((0..SUBSCRIPTIONS).map(open)).await;
    over.store(true, Ordering::SeqCst);
    for written in join_all(writers).await {
        written.expect("no panic");
    }
    // The watches are opened behind the first bursts, and each writes once more.
    let followed = opened.into_iter().map(|subscription| follow(subscription.expect("etcd answers"), &kv));
    join_all(followed).await
}

/// Transactions of two keys with the same value, until it is over.
async fn write(kv: Arc<EtcdKv>, name: usize, over: Arc<AtomicBool>) {
    for number in 0.. {
        if over.load(Ordering::SeqCst) {
            break;
        }
        put_pair(&kv, &format!("{name}"), number).await.expect("etcd takes it");
    }
}

async fn put_pair(kv: &EtcdKv, name: &str, number: usize) -> Result<Revision, KvError> {
    let value = number.to_string();
    let put = |half: &str| KvChange::put(format!("p/{half}/{name}").as_str(), value.as_bytes());
    kv.transact(&[], &[put("left"), put("right")]).await
}

/// Reads until it holds what etcd holds, and nothing has been written for a while.
async fn follow(mut subscription: Subscription, kv: &EtcdKv) -> Result<(), String> {
    let mut replica = Replica::default();
    let end = tokio::time::Instant::now() + CONVERGENCE;
    // Whoever is late to open its watch writes late, too: the end is where all have opened theirs.
    while !(replica.equals(&held(kv).await) && has_all(&replica)) {
        let burst = tokio::time::timeout_at(end, subscription.next()).await;
        let burst = burst.map_err(|_| format!("it stays behind at {}", replica.revision()))?;
        let burst = burst.ok_or("it has ended")?;
        replica.apply_gapless(&burst)?;
        is_whole(&burst)?;
    }
    Ok(())
}

/// Whether everybody's transaction from in between is there.
fn has_all(replica: &Replica) -> bool {
    replica.shown().split(' ').filter(|shown| shown.starts_with("p/left/between")).count() >= SUBSCRIPTIONS
}

fn is_whole(burst: &Burst) -> Result<(), String> {
    if burst.kind != BurstKind::Live {
        return Ok(());
    }
    match burst.updates.as_slice() {
        [KvUpdate::Put(left), KvUpdate::Put(right)] if left.value == right.value => Ok(()),
        _ => Err(format!("half a transaction: {burst:?}")),
    }
}

/// Writes between each list and the watch that follows it.
#[derive(Clone)]
struct Between {
    etcd: Arc<EtcdConnector>,
    writer: Arc<EtcdKv>,
    handoff: Handoff,
    opened: Arc<AtomicUsize>,
}

#[async_trait]
impl Connect for Between {
    fn endpoints(&self) -> &[String] {
        self.etcd.endpoints()
    }

    async fn connect(&self, endpoint: usize) -> Result<Box<dyn KvSource>, KvError> {
        let source = self.etcd.connect(endpoint).await?;
        Ok(Box::new(BetweenSource { source, between: self.clone() }))
    }
}

struct BetweenSource {
    source: Box<dyn KvSource>,
    between: Between,
}

#[async_trait]
impl KvSource for BetweenSource {
    async fn list(&self, scope: &Scope) -> Result<Listing, KvError> {
        self.source.list(scope).await
    }

    async fn watch(&self, scope: &Scope, from: Revision) -> Result<Box<dyn KvWatch>, KvError> {
        let Between { writer, handoff, opened, .. } = &self.between;
        let name = format!("between{}", opened.fetch_add(1, Ordering::SeqCst));
        put_pair(writer, &name, 0).await?;
        let from = if *handoff == Handoff::Late { from.next() } else { from };
        self.source.watch(scope, from).await
    }
}
