//! A flood of puts at full speed.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use aldis_etcd::kv::KvWriter;
use aldis_etcd::kv::etcd::{EtcdKv, EtcdOptions};
use rig::etcd::Etcd;
use rig::eventually_blocking;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::stall::Stall;
use super::{KEY, builder, document, runtime};

const WRITERS: u64 = 8;
const PUTS_EACH: u64 = 2_500;

/// How much this process may grow, the eight writers and the client library's buffers included.
const GROWTH_BYTES: u64 = 16 << 20;

/// How many puts the store may be behind at any moment, beside those of a moment in which this machine stood still; and
/// for how long behind the last one.
const BEHIND_PUTS: u64 = 1_000;
const BEHIND: Duration = Duration::from_secs(1);

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
    let (before, began, stall) = (resident_bytes(), Instant::now(), Stall::begin());
    let flood = write_on(&writers, etcd, &acknowledged);
    let (mut behind, mut growth) = (0, 0);
    while !flood.is_finished() {
        // In this order, so that what is acknowledged between the two does not count.
        let (written, shown) = (acknowledged.load(Ordering::SeqCst), store.snapshot().revision.as_u64());
        behind = behind.max(written.saturating_sub(shown));
        growth = growth.max(resident_bytes().saturating_sub(before));
        sleep(Duration::from_millis(5));
    }
    let (took, ended, late) = (began.elapsed(), Instant::now(), stall.end());
    writers.block_on(flood).expect("all is written");
    let last = acknowledged.load(Ordering::SeqCst);
    eventually_blocking("the last value is in force", BEHIND, || store.snapshot().revision.as_u64() == last);
    let lag = ended.elapsed();
    println!(
        "{}: {} puts in {took:.1?}; behind by at most {behind} puts, {lag:.1?} after the last; grown by {} KiB",
        etcd.version(),
        WRITERS * PUTS_EACH,
        growth >> 10,
    );
    let in_etcd = etcd.etcdctl(&["get", "--print-value-only", KEY]);
    let shown = super::shown(&store).expect("a directive");
    assert!(in_etcd.contains(&format!("\"{shown}\"")), "{shown} is in force, in etcd {in_etcd}");
    let status = store.status();
    assert_eq!((status.reconnects, status.repairs, status.cancels), (0, 0, 0), "{status:?}");
    let meanwhile = WRITERS * PUTS_EACH * millis(late) / millis(took).max(1);
    assert!(behind <= BEHIND_PUTS + meanwhile, "behind by {behind} puts, the machine late by {late:?}");
    assert!(growth <= GROWTH_BYTES, "grown by {growth} bytes");
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

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What of this process lies in memory.
pub(super) fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux says");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1024
}
