//! How it starts, and how it ends.

use std::time::{Duration, Instant};

use aldis_etcd::{EtcdDirectiveStore, StartError};
use rig::etcd::Etcd;
use rig::link::{Blackhole, Link};
use rig::{eventually, stall};

use super::{SOON, builder, store};

/// How much later than its limit a start may tell that it failed.
const MARGIN: Duration = Duration::from_millis(200);

fn begin() -> Instant {
    stall::watch();
    Instant::now()
}

/// And as much longer as the machine stood still meanwhile.
fn took_at_most(began: Instant, limit: Duration) {
    let (took, late) = (began.elapsed(), stall::since(began));
    assert!(took < limit + late, "{took:?}, the machine late by {late:?}");
}

/// An address where nobody listens.
fn closed() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    format!("http://{}", listener.local_addr().expect("address"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_etcd_down_it_fails_within_the_timeout_and_names_each_endpoint() {
    let (one, two) = (closed(), closed());
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let three = format!("http://{}", silent.local_addr().expect("address"));
    let limit = Duration::from_millis(1_500);
    let builder =
        EtcdDirectiveStore::builder([&one, &two, &three].map(String::as_str)).connect_timeout(limit);
    let began = begin();
    let error = builder.connect().await.expect_err("nobody answers");
    took_at_most(began, limit + MARGIN);
    let StartError::Unreachable { endpoints, .. } = &error else { panic!("{error:?}") };
    assert_eq!(endpoints.len(), 3);
    let text = error.to_string();
    assert_eq!(text.matches("connection refused").count(), 2, "{text}");
    assert_eq!(text.matches("no answer").count(), 1, "{text}");
    for endpoint in [one, two, three] {
        assert_eq!(text.matches(&endpoint).count(), 1, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_fail_at_once() {
    let began = begin();
    builder(&closed()).connect().await.expect_err("nobody listens");
    took_at_most(began, Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_etcd_and_a_black_hole_fail_within_the_timeout() {
    let etcd = Etcd::start();
    let link = Link::to(etcd.address());
    link.blackhole(Blackhole::Both);
    etcd.stop();
    for endpoint in [etcd.endpoint(), link.endpoint()] {
        let began = begin();
        let limit = Duration::from_secs(1);
        let error = builder(&endpoint).connect_timeout(limit).connect().await.expect_err("silent");
        took_at_most(began, limit + MARGIN);
        assert!(error.to_string().contains(&endpoint), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_last_handle_ends_the_connection() {
    let etcd = Etcd::start();
    let link = Link::to(etcd.address());
    let store = store(&link.endpoint()).await;
    let (clone, mut changes) = (store.clone(), store.changes());
    eventually("it is connected", SOON, || link.open() == 1).await;
    drop(store);
    let reader = clone.reader();
    drop(clone);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(link.open(), 1, "a reader is a handle, too");
    drop(reader);
    eventually("the connection is closed", SOON, || link.open() == 0).await;
    let end = async { while changes.next().await.is_some() {} };
    tokio::time::timeout(SOON, end).await.expect("the stream of changes ends");
    assert!(changes.resync().is_none());
}
