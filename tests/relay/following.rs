//! Relays that are cut off, silent or in a hurry, and what a store that follows them makes of it.

use std::net::TcpListener;
use std::time::Duration;

use aldis_etcd::kv::Revision;
use aldis_etcd::relay::Limits;
use aldis_etcd::{Change, Changes, DirectiveSet, EtcdDirectiveStore, State, UnixMillis};
use rig::eventually;
use rig::relay::{Relay, Reply};

use crate::fixture::{EMPTY, ONE, SOON, Served};

/// An image of the cluster that nearly all of these are of.
fn image(revision: u64, document: &str, state: &str) -> Reply {
    image_of("1f", revision, document, state)
}

fn image_of(cluster: &str, revision: u64, document: &str, state: &str) -> Reply {
    let set = DirectiveSet::decode(document.as_bytes(), UnixMillis::new(0)).expect("is a document");
    let mut reply = Reply::image(revision, set.as_image());
    for (name, value) in [("aldis-cluster", cluster), ("aldis-state", state)] {
        reply.headers.push((name.to_owned(), value.to_owned()));
    }
    reply
}

fn url(relay: &Relay) -> String {
    format!("http://127.0.0.1:{}", relay.port())
}

/// A store that has revision 12, of which one relay is left that has revision 10 and is in this state.
async fn left_to_one_behind(state: &str) -> (EtcdDirectiveStore, Changes, Relay) {
    let (mut ahead, behind) = (Relay::start(), Relay::start());
    ahead.answer_with(Some(image(12, EMPTY, "live")));
    behind.answer_with(Some(image(10, ONE, state)));
    let store = EtcdDirectiveStore::relay([url(&ahead), url(&behind)]).connect().await.expect("starts");
    let changes = store.changes();
    ahead.go_down();
    (store, changes, behind)
}

/// What is told until a relay is left because it is behind.
async fn told_until_passed_over(changes: &mut Changes) -> Vec<Change> {
    let mut told = Vec::new();
    let is_left = |change: &Change| matches!(change, Change::Reconnecting { cause, .. } if cause.contains("it is behind"));
    let until = async {
        while !told.last().is_some_and(is_left) {
            told.push(changes.next().await.expect("the store lives"));
        }
    };
    tokio::time::timeout(SOON, until).await.expect("it is passed over");
    told
}

fn is_taken_back(told: &[Change]) -> bool {
    told.iter().any(|change| matches!(change, Change::Applied { .. } | Change::ClusterChanged { .. }))
}

/// Everything that was told so far.
async fn told(changes: &mut Changes) -> Vec<Change> {
    let mut told = Vec::new();
    while let Ok(Some(change)) = tokio::time::timeout(Duration::from_millis(20), changes.next()).await {
        told.push(change);
    }
    told
}

/// Two relays of one cluster, of which the second has lost it: what was turned off since does not come back by it, and once
/// it has caught up it is followed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_cut_off_and_behind_takes_nothing_back() {
    let (store, mut changes, behind) = left_to_one_behind("stale").await;
    for _ in 0..3 {
        let told = told_until_passed_over(&mut changes).await;
        assert!(!is_taken_back(&told), "{told:?}");
    }
    assert_eq!((store.snapshot().revision, store.status().state), (Revision::new(12), State::Stale));
    behind.answer_with(Some(image(13, ONE, "live")));
    eventually("it is followed", SOON, || store.snapshot().revision == Revision::new(13)).await;
    eventually("and live", SOON, || store.status().state == State::Live).await;
}

/// It may not know yet that it is cut off: a relay of the same cluster is not believed within a few seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_behind_and_says_it_is_live_is_doubted_for_longer_than_another_cluster() {
    let (store, mut changes, _behind) = left_to_one_behind("live").await;
    let told = told_until_passed_over(&mut changes).await;
    assert!(!is_taken_back(&told), "{told:?}");
    assert_eq!(store.snapshot().revision, Revision::new(12));
}

/// It began from its disk, and says later which cluster it follows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_is_not_known_is_not_told_before_it_is() {
    let relay = Relay::start();
    relay.answer_with(Some(image_of("0", 3, ONE, "stale")));
    let store = EtcdDirectiveStore::relay([url(&relay)]).connect().await.expect("starts");
    assert_eq!(store.status().cluster_id, None);
    relay.answer_with(Some(image(3, ONE, "live")));
    eventually("it is learnt", SOON, || store.status().cluster_id == Some(0x1f)).await;
    assert_eq!(store.snapshot().revision, Revision::new(3));
}

#[tokio::test]
async fn a_relay_that_is_silent_at_the_start_has_its_share_of_the_time_and_no_more() {
    // Connected by the system, and never answered.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = format!("http://{}", silent.local_addr().expect("is bound"));
    let listening = TcpListener::bind("127.0.0.1:0").expect("a port");
    let also_silent = format!("http://{}", listening.local_addr().expect("is bound"));
    let served = Served::start().await;
    let start = |urls: Vec<String>| EtcdDirectiveStore::relay(urls).connect_timeout(Duration::from_secs(10));
    start(vec![also_silent.clone(), served.url()]).connect().await.expect("the next one answers");
    let error = start(vec![also_silent.clone(), silent.clone()]).connect().await.expect_err("nobody answers");
    let error = error.to_string();
    for url in [also_silent, silent] {
        assert!(error.contains(&url), "{error}");
    }
    assert!(error.contains("no answer to the question for the image within"), "{error}");
    assert!(!error.contains("not tried"), "{error}");
}

/// As over etcd, where the same bounds are made larger.
#[tokio::test]
async fn a_relay_has_time_to_answer_whatever_heartbeat_was_set() {
    let served = Served::start().await;
    let ask_after = Duration::from_secs(1);
    let store = EtcdDirectiveStore::relay([served.url()]).heartbeat(ask_after, ask_after).connect().await;
    let store = store.expect("starts");
    tokio::time::sleep(Duration::from_millis(3500)).await;
    let status = store.status();
    assert_eq!((status.state, status.reconnects), (State::Live, 0), "{status:?}");
}

#[test]
fn a_store_whose_runtime_has_ended_says_so() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let (serving, following) = (runtime().expect("a runtime"), runtime().expect("a runtime"));
    let served = serving.block_on(Served::start());
    let store = following.block_on(EtcdDirectiveStore::relay([served.url()]).connect()).expect("starts");
    let mut changes = store.changes();
    following.shutdown_timeout(SOON);
    assert_eq!(store.status().state, State::Stopped);
    let ended = async { while changes.next().await.is_some() {} };
    serving.block_on(async { tokio::time::timeout(SOON, ended).await }).expect("the stream ends");
    let _entered = serving.enter();
    drop(served);
}

/// A relay, or something before it, that answers at once whatever is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_does_not_hold_its_answers_back_is_not_asked_without_end() {
    let hasty = Relay::start();
    hasty.answer_with(Some(image(3, ONE, "live")));
    let store = EtcdDirectiveStore::relay([url(&hasty)]).connect().await.expect("starts");
    let mut changes = store.changes();
    let questions = hasty.requests().len();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let questions = hasty.requests().len() - questions;
    assert!((1..=10).contains(&questions), "{questions}");
    assert_eq!(told(&mut changes).await, [], "the same is not told again");

    let served = Served::limited(Limits { wait: Duration::ZERO, ..Limits::STANDARD }).await;
    let store = EtcdDirectiveStore::relay([served.url()]).connect().await.expect("starts");
    assert_eq!(store.status().state, State::Live);
    served.put(ONE).await;
    eventually("news arrives", SOON, || store.snapshot().set.len() == 1).await;
}
