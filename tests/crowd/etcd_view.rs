//! What etcd itself thinks of its clients: its metrics.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use rig::etcd::Etcd;

/// How long nothing changes in an etcd at rest, and how often that is waited for.
const REST: Duration = Duration::from_millis(200);
const REST_TRIES: u32 = 25;

/// What a client holds of etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// Watches.
    watchers: u64,
    /// Streams that carry watches.
    streams: u64,
    /// Open files; connections among them.
    files: u64,
}

impl Held {
    /// Once etcd has come to rest: what it holds for a moment of its start would pass for a client's.
    pub(crate) fn at_rest(etcd: &Etcd) -> Self {
        let mut held = Self::of(etcd);
        for _ in 0..REST_TRIES {
            sleep(REST);
            let before = std::mem::replace(&mut held, Self::of(etcd));
            if before == held {
                break;
            }
        }
        held
    }

    pub(crate) fn of(etcd: &Etcd) -> Self {
        let metrics = metrics(etcd);
        let streams = r#"grpc_method="Watch",grpc_service="etcdserverpb.Watch""#;
        let started = sum(&metrics, &["grpc_server_started_total", streams]);
        let handled = sum(&metrics, &["grpc_server_handled_total", streams]);
        Self {
            watchers: sum(&metrics, &["etcd_debugging_mvcc_watcher_total"]),
            streams: started.saturating_sub(handled),
            files: sum(&metrics, &["process_open_fds"]),
        }
    }

    /// Whether this is more than that, in every respect: what is never seen to grow would not be missed either.
    pub(crate) fn is_beyond(self, other: Self) -> bool {
        self.watchers > other.watchers && self.streams > other.streams && self.files > other.files
    }

    /// Whether this is no more than that.
    pub(crate) fn is_within(self, other: Self) -> bool {
        self.watchers <= other.watchers && self.streams <= other.streams && self.files <= other.files
    }
}

/// The sum of all samples whose line holds each of these.
fn sum(metrics: &str, parts: &[&str]) -> u64 {
    let lines = metrics.lines().filter(|line| !line.starts_with('#'));
    let samples = lines.filter(|line| parts.iter().all(|part| line.contains(part)));
    let values = samples.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
    values.sum()
}

fn metrics(etcd: &Etcd) -> String {
    let mut connection = TcpStream::connect(etcd.address()).expect("etcd listens");
    connection.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("etcd reads");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("etcd answers");
    answer
}
