//! A flood of puts at full speed.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use aldis_etcd::kv::etcd::{EtcdKv, EtcdOptions};
use aldis_etcd::kv::{KvBatch, KvWatcher, KvWriter};
use rig::etcd::Etcd;
use rig::{eventually_blocking, stall};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{KEY, builder, document, runtime};

const WRITERS: u64 = 8;
const PUTS_EACH: u64 = 2_500;

/// How much this process may grow, the eight writers and the client library's buffers included.
const GROWTH_BYTES: u64 = 16 << 20;

/// How many puts the store may be behind a bare watch at any moment, beside those of a moment in which this machine stood
/// still; and for how long behind the last put. With the verifying reads in its way it would be behind by well over a
/// thousand, without them by a few dozen. A bare watch, because with eight writers the machine has more to do than
/// processors; several hundred, because it may have even more to do than that.
const BEHIND_PUTS: u64 = 400;
const BEHIND: Duration = Duration::from_secs(1);

/// How soon it is to have caught up after the machine stood still.
const CATCH_UP: Duration = Duration::from_millis(200);

/// Often enough that verifying reads fall into the flood: they must not hold up what the watch delivers.
const VERIFY_EVERY: Duration = Duration::from_secs(1);

/// On each etcd: they differ in how they queue for a watcher.
pub(crate) fn ends_on_the_last_value() {
    for version in Etcd::available() {
        flood(&Etcd::builder().version(&version).start());
    }
}

fn flood(etcd: &Etcd) {
    // The store has a runtime of its own, as a proxy has one that no writer shares.
    let (runtime, writers) = (runtime(), runtime());
    let builder = builder(etcd.endpoint()).verify_every(VERIFY_EVERY);
    let store = runtime.block_on(builder.connect()).expect("etcd answers");
    let acknowledged = Arc::new(AtomicU64::new(0));
    let (before, began) = (resident_bytes(), Instant::now());
    let bare = follow_bare(&runtime, etcd);
    let flood = write_on(&writers, etcd, &acknowledged);
    let (mut lag, mut growth) = (Lag::default(), 0);
    while !flood.is_finished() {
        // In this order, so that what comes between them does not count.
        let written = acknowledged.load(Ordering::SeqCst).min(bare.load(Ordering::SeqCst));
        let shown = store.snapshot().revision.as_u64();
        let now = Instant::now();
        let stood_still = stall::beside(now.checked_sub(CATCH_UP).unwrap_or(now), now);
        lag.judge(now, written, shown, stood_still);
        growth = growth.max(resident_bytes().saturating_sub(before));
        sleep(Duration::from_millis(5));
    }
    let (took, ended) = (began.elapsed(), Instant::now());
    writers.block_on(flood).expect("all is written");
    let last = acknowledged.load(Ordering::SeqCst);
    eventually_blocking("the last value is in force", BEHIND * 10, || {
        store.snapshot().revision.as_u64() == last
    });
    let (behind, late) = (ended.elapsed(), stall::since(ended));
    println!(
        "{}: {} puts in {took:.1?}; behind by at most {} puts ({} in calm), {behind:.1?} after the last; grown by {} KiB",
        etcd.version(),
        WRITERS * PUTS_EACH,
        lag.largest,
        lag.in_calm,
        growth >> 10,
    );
    let in_etcd = etcd.etcdctl(&["get", "--print-value-only", KEY]);
    let shown = super::shown(&store).expect("a directive");
    assert!(in_etcd.contains(&format!("\"{shown}\"")), "{shown} is in force, in etcd {in_etcd}");
    let status = store.status();
    assert_eq!((status.reconnects, status.repairs, status.cancels), (0, 0, 0), "{status:?}");
    assert!(lag.in_calm <= BEHIND_PUTS, "behind by {} puts", lag.in_calm);
    assert!(behind <= BEHIND + late, "{behind:?} behind the last put, the machine late by {late:?}");
    assert!(growth <= GROWTH_BYTES, "grown by {growth} bytes");
}

/// The highest revision that a watch has seen that does nothing else.
fn follow_bare(runtime: &Runtime, etcd: &Etcd) -> Arc<AtomicU64> {
    let (options, highest) = (EtcdOptions::new([etcd.endpoint()]), Arc::<AtomicU64>::default());
    let seen = Arc::clone(&highest);
    let (send, mut batches) = mpsc::channel(1_024);
    runtime.spawn(async move {
        let kv = EtcdKv::connect(&options).await.expect("etcd answers");
        kv.watch_prefix(&KEY.into(), send).await.expect("is not cut");
    });
    runtime.spawn(async move {
        while let Some(KvBatch { updates, .. }) = batches.recv().await {
            let newest = updates.iter().map(|update| update.mod_revision().as_u64()).max();
            seen.fetch_max(newest.unwrap_or(0), Ordering::SeqCst);
        }
    });
    highest
}

/// How many puts the store is behind.
#[derive(Default)]
struct Lag {
    largest: u64,
    /// Less what was put in moments in which the machine stood still, and right after them.
    in_calm: u64,
    /// What had been written, and when.
    written: Vec<(Instant, u64)>,
}

impl Lag {
    /// So much was written and shown, after the machine had stood still for so long.
    fn judge(&mut self, now: Instant, written: u64, shown: u64, stood_still: Duration) {
        self.written.push((now, written));
        self.largest = self.largest.max(written.saturating_sub(shown));
        // What is to be there in any case: all that was written before the machine stood still.
        let excused = if stood_still.is_zero() { stood_still } else { CATCH_UP + stood_still };
        let due = now.checked_sub(excused).unwrap_or(now);
        let known = self.written.partition_point(|(when, _)| *when <= due);
        let expected = known.checked_sub(1).and_then(|last| self.written.get(last));
        let expected = expected.map_or(0, |(_, written)| *written);
        self.in_calm = self.in_calm.max(expected.saturating_sub(shown));
    }
}

/// Writes at full speed, and keeps the highest revision that has been acknowledged.
fn write_on(runtime: &Runtime, etcd: &Etcd, acknowledged: &Arc<AtomicU64>) -> tokio::task::JoinHandle<()> {
    let options = EtcdOptions::new([etcd.endpoint()]);
    let acknowledged = Arc::clone(acknowledged);
    runtime.spawn(async move {
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let (options, acknowledged) = (options.clone(), Arc::clone(&acknowledged));
            writers.spawn(async move {
                let kv = EtcdKv::connect(&options).await.expect("etcd answers");
                for number in 0..PUTS_EACH {
                    let value = document(&format!("w{writer}-{number}"), 0);
                    let token = kv.put(&KEY.into(), value.as_bytes()).await.expect("put");
                    let revision = token.revision().expect("etcd's token is a revision");
                    acknowledged.fetch_max(revision.as_u64(), Ordering::SeqCst);
                }
            });
        }
        writers.join_all().await;
    })
}

/// The known-bad twins of the lag: it is overlooked in no moment but those after a standstill, and only for a while then.
pub(crate) fn twin() {
    let (start, mut lag) = (Instant::now(), Lag::default());
    let at = |millis: u64| start + Duration::from_millis(millis);
    for millis in 0..100 {
        lag.judge(at(millis * 5), millis * 10, millis * 10, Duration::ZERO);
    }
    assert_eq!((lag.largest, lag.in_calm), (0, 0));
    lag.judge(at(500), 2_000, 990, Duration::from_millis(80));
    assert_eq!((lag.largest, lag.in_calm), (1_010, 0), "all that was there before the standstill shows");
    lag.judge(at(505), 2_000, 90, Duration::from_millis(80));
    assert!(lag.in_calm > 200, "not even that does: {}", lag.in_calm);
    lag.judge(at(800), 2_000, 990, Duration::ZERO);
    assert_eq!(lag.in_calm, 1_010);
}

/// What of this process lies in memory.
pub(super) fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux says");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1024
}
