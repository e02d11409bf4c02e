//! Histories and values that are compacted, large, or cut in their middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use aldis_etcd::kv::KvWriter;
use aldis_etcd::kv::etcd::{EtcdKv, EtcdOptions};
use rig::etcd::Version;
use rig::eventually_blocking;
use rig::link::Direction;
use rig::ordeal::{CONVERGED_WITHIN, Figures, document};

use super::case::{Case, SCOPE};

const MIB: usize = 1 << 20;

/// A value with which a put still fits into etcd's 1.5 MiB.
const LARGEST: usize = 1_400_000;

/// How many puts a watcher falls behind, and how large they are. etcd queues 128 responses before it counts as slow.
const BACKLOG: u32 = 8_000;
const PUT_BYTES: usize = 4 << 10;

/// Connections that put at once; a single one would wait for a sync to disk each time.
const WRITERS: u32 = 32;

/// Before a put that failed is tried again.
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) fn compacted_while_cut(version: &Version) -> Figures {
    let mut case = Case::on(version);
    case.link.cut();
    case.notices();
    for _ in 0..3 {
        case.publish();
    }
    case.etcd.compact();
    case.link.pass();
    case.converges();
    assert_eq!(case.status().cancels, 1, "{:?}", case.status());
    case.end()
}

/// The link carries a thousandth of what happens, however busy the machine is, until the watch's place in history is compacted away.
pub(crate) fn fell_behind_a_compaction(version: &Version) -> Figures {
    let mut case = Case::beside(version, vec![(CROWD.to_owned(), 0)]);
    case.link.throttle(20_000);
    flood(&case);
    case.etcd.compact();
    case.publish();
    case.link.pass();
    case.converges();
    assert!(case.status().cancels >= 1, "{:?}", case.status());
    case.end()
}

/// A document of the scope beside the one that counts.
const CROWD: &str = "crowd";

/// Puts to it, at full speed.
fn flood(case: &Case) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let options = EtcdOptions::new([case.etcd.endpoint()]);
    let left = Arc::new(AtomicU32::new(BACKLOG));
    let (key, value) = (format!("{SCOPE}{CROWD}"), document(CROWD) + &" ".repeat(PUT_BYTES));
    runtime.block_on(async {
        let kv = Arc::new(EtcdKv::connect(&options).await.expect("etcd answers"));
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..WRITERS {
            let (kv, left, key, value) = (Arc::clone(&kv), Arc::clone(&left), key.clone(), value.clone());
            writers.spawn(async move {
                while left
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                    .is_ok()
                {
                    // On a slow disk one may take longer than a request may.
                    while kv.put(&key.as_str().into(), value.as_bytes()).await.is_err() {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            });
        }
        writers.join_all().await;
    });
}

/// 6 MiB under the prefix, and 8 MiB of history while cut.
pub(crate) fn large_history(version: &Version) -> Figures {
    let mut case = large(version);
    case.link.cut();
    case.notices();
    for _ in 0..8 {
        case.publish_padded(MIB);
    }
    case.link.pass();
    case.converges();
    case.end()
}

pub(crate) fn largest_values(version: &Version) -> Figures {
    let mut case = Case::on(version);
    for _ in 0..4 {
        let began = Instant::now();
        case.publish_padded(LARGEST);
        case.converges_since(began);
    }
    case.stays_live();
    case.link.close_existing();
    case.publish_padded(LARGEST);
    case.converges();
    case.end()
}

/// A megabyte per second: as one page the 6 MiB would take longer than any page may. The fault does not end; all that is
/// transferred takes six seconds by itself.
pub(crate) fn large_list_over_a_slow_link(version: &Version) -> Figures {
    listed_over_a_slow_link(large(version))
}

/// Where they stand behind small ones, a page of them is not known to be large before it has not come.
pub(crate) fn large_behind_small_over_a_slow_link(version: &Version) -> Figures {
    let small = (0..4).map(|number| (format!("a{number}"), 0));
    listed_over_a_slow_link(Case::beside(version, small.chain(six_large()).collect()))
}

fn listed_over_a_slow_link(mut case: Case) -> Figures {
    case.link.cut();
    case.notices();
    case.publish();
    case.etcd.compact();
    case.link.throttle(1 << 20);
    case.link.listen();
    case.converges_beside(Duration::from_secs(6));
    case.end()
}

/// The same for a history, which comes in fragments of a single response.
pub(crate) fn large_history_over_a_slow_link(version: &Version) -> Figures {
    let mut case = Case::on(version);
    case.link.cut();
    case.notices();
    for _ in 0..12 {
        case.publish_padded(MIB);
    }
    case.link.throttle(1 << 20);
    case.link.listen();
    case.converges_beside(Duration::from_secs(12));
    case.end()
}

/// The reconnect must list, and loses the connection when a third of the list is there.
pub(crate) fn cut_in_a_list(version: &Version) -> Figures {
    let mut case = large(version);
    case.link.cut();
    case.notices();
    case.publish();
    case.etcd.compact();
    cut_in_the_middle(case)
}

/// The reconnect resumes, and loses the connection between two fragments of what it has missed.
pub(crate) fn cut_in_a_history(version: &Version) -> Figures {
    let mut case = Case::on(version);
    case.link.cut();
    case.notices();
    for _ in 0..6 {
        case.publish_padded(MIB);
    }
    cut_in_the_middle(case)
}

fn cut_in_the_middle(case: Case) -> Figures {
    case.link.cut_after(Direction::ToClient, 2 * MIB);
    case.link.pass();
    eventually_blocking("the transfer is cut", CONVERGED_WITHIN, || !case.link.is_to_be_cut());
    case.converges();
    case.end()
}

/// With six documents of 1 MiB under the prefix.
fn six_large() -> impl Iterator<Item = (String, usize)> {
    (0..6).map(|number| (format!("large{number}"), MIB))
}

fn large(version: &Version) -> Case {
    Case::beside(version, six_large().collect())
}
