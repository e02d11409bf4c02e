//! Calls that are never answered, on a connection that lives on and answers pings. All at the same time: each takes the
//! store's own deadlines.

use std::time::{Duration, Instant};

use aldis_etcd::State;
use rig::ordeal::document;
use rig::scripted::{Beginning, Call, Code, Reply, Scripted};
use rig::{eventually, stall};

use super::subject::SOON;
use super::{KEY, builder, calls, ends_on_two, following_with, holding_one, lasts};

/// A watch that stands is lost, and what comes after it is never answered.
async fn a_silent(call: Call, cause: &str) {
    let fault = format!("{call:?} is never answered");
    let (etcd, subject) = following_with(&fault, |builder| builder.credentials("me", "secret")).await;
    subject.struck();
    etcd.reply(call, Reply::Never);
    etcd.end_watches(Code::Unavailable);
    subject.notices_a_loss().await;
    let told = || subject.status().last_error.is_some_and(|error| error.contains(cause));
    eventually(&format!("{fault}: it tells {cause:?}"), SOON, told).await;
    lasts(&etcd, Duration::from_secs(1)).await;
    ends_on_two(&etcd, &subject).await;
}

/// The stream is there, and says not even that the watch stands.
async fn a_watch_that_is_never_acknowledged() {
    let (etcd, subject) = following_with("a watch-create is never acknowledged", |builder| builder).await;
    subject.struck();
    etcd.begin_watches(Beginning::default());
    etcd.end_watches(Code::Unavailable);
    subject.notices_a_loss().await;
    let told = || subject.status().last_error.is_some_and(|error| error.contains("no answer to watch"));
    eventually("it tells that the watch is not answered", SOON, told).await;
    ends_on_two(&etcd, &subject).await;
}

async fn a_verifying_read_that_is_never_answered() {
    let fault = "a verifying read is never answered";
    let (etcd, subject) =
        following_with(fault, |builder| builder.verify_every(Duration::from_millis(500))).await;
    subject.struck();
    etcd.reply(Call::Range, Reply::Never);
    subject.tells("no answer to").await;
    assert_eq!(subject.status().state, State::Live, "the watch goes on");
    subject.ordeal.publish("two");
    etcd.put(KEY, document("two"));
    subject.shows("two").await;
    etcd.heal();
    subject.ordeal.stops();
    let reads = etcd.calls(Call::Range);
    subject.ends_on("two").await;
    eventually("it reads again", SOON, || etcd.calls(Call::Range) > reads).await;
}

/// Neither events nor progress, while the connection is in order.
async fn a_stream_that_falls_silent() {
    let (etcd, subject) = following_with("a stream is silent while pings work", |builder| builder).await;
    subject.ordeal.publish("two");
    subject.struck();
    etcd.reply(Call::Progress, Reply::Never);
    etcd.put_unheard(&[(KEY, &document("two"))]);
    subject.notices_a_loss().await;
    assert!(etcd.calls(Call::Progress) >= 2, "it has been asked");
    lasts(&etcd, Duration::from_secs(1)).await;
    etcd.heal();
    subject.ordeal.stops();
    subject.ends_on("two").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_never_answered_is_noticed_and_given_up() {
    tokio::join!(
        a_silent(Call::Range, "no answer to head"),
        a_silent(Call::Watch, "no answer to watch"),
        a_silent(Call::Authenticate, "no answer"),
        a_silent(Call::Status, "no answer"),
        a_watch_that_is_never_acknowledged(),
        a_verifying_read_that_is_never_answered(),
        a_stream_that_falls_silent(),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_is_never_answered_fails_in_time() {
    for call in [Call::Range, Call::Authenticate, Call::Status] {
        let etcd: Scripted = holding_one();
        etcd.reply(call, Reply::Never);
        let limit = Duration::from_millis(800);
        stall::watch();
        let began = Instant::now();
        let start = builder(&etcd).credentials("me", "secret").connect_timeout(limit).connect();
        let error = start.await.expect_err("no answer").to_string();
        let (took, late) = (began.elapsed(), stall::since(began));
        assert!(took < limit + Duration::from_secs(1) + late, "{call:?}: {took:?}, late by {late:?}");
        assert!(error.contains(&etcd.endpoint()) && error.contains("no answer"), "{call:?}: {error}");
        // The next attempt may have been on its way.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let asked = calls(&etcd);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(calls(&etcd), asked, "{call:?}: nobody goes on asking");
    }
}
