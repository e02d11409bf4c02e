//! Faults of etcd's process and of its data.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rig::etcd::{Etcd, Version};
use rig::ordeal::Figures;

use super::case::Case;

pub(crate) fn stopped_for_20_s(version: &Version) -> Figures {
    let mut case = Case::on(version);
    let began = Instant::now();
    case.etcd.stop();
    case.notices_since(began);
    sleep(Duration::from_secs(20).saturating_sub(began.elapsed()));
    let ended = Instant::now();
    case.etcd.cont();
    case.publish();
    case.converges_since(ended);
    case.end()
}

pub(crate) fn killed_and_restarted(version: &Version) -> Figures {
    let mut case = Case::on(version);
    case.etcd.kill();
    case.notices();
    case.etcd.restart();
    let ended = Instant::now();
    case.publish();
    case.converges_since(ended);
    case.end()
}

pub(crate) fn down_for_15_s(version: &Version) -> Figures {
    let mut case = Case::on(version);
    case.etcd.kill();
    case.notices();
    sleep(Duration::from_secs(15));
    case.etcd.restart();
    let ended = Instant::now();
    case.publish();
    case.converges_since(ended);
    case.end()
}

/// A cluster of the same id with another document in it, and far behind.
pub(crate) fn wiped_key_present(version: &Version) -> Figures {
    let mut case = Case::on(version);
    age(&case);
    case.link.cut();
    case.notices();
    case.etcd.wipe_and_restart();
    case.loses_the_others();
    case.publish();
    case.link.pass();
    case.converges();
    case.reports_another_cluster();
    case.end()
}

pub(crate) fn wiped_key_absent(version: &Version) -> Figures {
    let mut case = Case::on(version);
    age(&case);
    case.loses_all();
    let began = Instant::now();
    case.etcd.wipe_and_restart();
    let ended = Instant::now();
    case.notices_since(began);
    case.converges_since(ended);
    case.reports_another_cluster();
    case.end()
}

/// A cluster of another id, which has come further than the one before.
pub(crate) fn another_token_key_present(version: &Version) -> Figures {
    let mut case = Case::on(version);
    let another = another(version);
    for _ in 0..20 {
        another.put("elsewhere", "x");
    }
    case.etcd = another;
    case.loses_the_others();
    case.publish();
    follow_the_other(case)
}

pub(crate) fn another_token_key_absent(version: &Version) -> Figures {
    let mut case = Case::on(version);
    case.etcd = another(version);
    case.loses_all();
    follow_the_other(case)
}

fn another(version: &Version) -> Etcd {
    Etcd::builder().version(version).argument("--initial-cluster-token=another").start()
}

fn follow_the_other(mut case: Case) -> Figures {
    case.link.lead_to(case.etcd.address());
    case.link.close_existing();
    case.notices();
    case.converges();
    case.reports_another_cluster();
    case.end()
}

/// Puts enough behind it for a wiped cluster to be recognised as one.
fn age(case: &Case) {
    for _ in 0..10 {
        case.etcd.put("elsewhere", "x");
    }
}

/// The database is full: etcd refuses writes and goes on answering reads.
pub(crate) fn no_space(version: &Version) -> Figures {
    let etcd = Etcd::builder().version(version).argument("--quota-backend-bytes=2097152").start();
    let mut case = Case::over(etcd);
    fill(&case.etcd);
    // Longer than a heartbeat and a keepalive take.
    sleep(Duration::from_secs(10));
    case.stays_live();
    // A connection made meanwhile reads as well.
    case.link.close_existing();
    case.notices();
    case.converges();
    // Compaction alone would leave it as full as it is: each of those keys is a present one.
    case.etcd.etcdctl(&["del", "--prefix", "elsewhere/"]);
    case.etcd.compact();
    case.etcd.etcdctl(&["defrag"]);
    case.etcd.etcdctl(&["alarm", "disarm"]);
    let ended = Instant::now();
    case.publish();
    case.converges_since(ended);
    case.end()
}

fn fill(etcd: &Etcd) {
    let large = "x".repeat(100_000);
    for number in 0..40 {
        let put = etcd.try_etcdctl(&["put", &format!("elsewhere/{number}"), &large]);
        if String::from_utf8_lossy(&put.stderr).contains("database space exceeded") {
            return;
        }
    }
    panic!("etcd takes more than its quota");
}
