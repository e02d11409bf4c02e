//! Every status of gRPC in place of an answer, one store and one etcd for each.

use std::future::Future;
use std::time::Duration;

use aldis_etcd::EtcdDirectiveStore;
use rig::scripted::{Beginning, Call, Code, Reply, Scripted, message};
use tokio::task::JoinSet;

use super::subject::Subject;
use super::{KEY, builder, ends_on_two, following_with, holding_one, lasts};

/// What the store's words for a scripted status hold.
const CAUSE: &str = "as scripted";

/// Tries all of them at the same time.
async fn with_each_code<F>(test: impl Fn(Code) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut tests = JoinSet::new();
    for code in (1..=16).map(Code::from_i32) {
        tests.spawn(test(code));
    }
    while let Some(result) = tests.join_next().await {
        result.expect("this code is survived");
    }
}

/// A store that is live goes through it, is told of it, and shows what was put meanwhile when it is over.
async fn survives(fault: String, strikes: impl FnOnce(&Scripted)) {
    let often = Duration::from_millis(300);
    let (etcd, subject) = following_with(&fault, |builder| builder.verify_every(often)).await;
    subject.struck();
    strikes(&etcd);
    subject.tells(CAUSE).await;
    lasts(&etcd, Duration::from_secs(2)).await;
    ends_on_two(&etcd, &subject).await;
    assert_eq!(subject.status().repairs, 0, "{fault}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_place_of_the_first_read_it_is_a_start_that_fails_or_goes_on_with_the_next() {
    with_each_code(|code| async move {
        let (etcd, healthy) = (holding_one(), holding_one());
        etcd.reply(Call::Range, Reply::Status(code));
        let error = builder(&etcd).connect().await.expect_err("it cannot be read").to_string();
        assert!(error.contains(CAUSE) && error.contains(&etcd.endpoint()), "{code:?}: {error}");
        let both = EtcdDirectiveStore::builder([etcd.endpoint(), healthy.endpoint()]).scope(KEY);
        let subject = Subject::connect(&format!("{code:?} on the first read"), "one", both).await;
        subject.tells(CAUSE).await;
        assert_eq!(subject.status().endpoint, Some(healthy.endpoint()), "{code:?}");
        subject.ends_on("one").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_place_of_a_later_read_it_is_told_while_the_watch_goes_on() {
    with_each_code(|code| {
        survives(format!("{code:?} on a verifying read"), move |etcd| {
            etcd.reply(Call::Range, Reply::Status(code));
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_place_of_a_new_watch_it_is_retried() {
    with_each_code(|code| {
        survives(format!("{code:?} on creating a watch"), move |etcd| {
            etcd.reply(Call::Watch, Reply::Status(code));
            etcd.end_watches(Code::Ok);
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_mid_stream_it_is_followed_by_another_watch() {
    with_each_code(|code| {
        survives(format!("{code:?} in mid-stream"), move |etcd| {
            let says = vec![message::created(etcd.revision()), message::progress(etcd.revision())];
            etcd.begin_watches(Beginning { says, ends: Some(code) });
            etcd.end_watches(code);
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_place_of_a_token_or_the_servers_status_it_is_retried() {
    with_each_code(|code| async move {
        for call in [Call::Authenticate, Call::Status] {
            // Who may not ask for the status may still read.
            if (call, code) == (Call::Status, Code::PermissionDenied) {
                continue;
            }
            let fault = format!("{code:?} on {call:?}");
            let (etcd, subject) = following_with(&fault, |builder| builder.credentials("me", "secret")).await;
            subject.struck();
            etcd.reply(call, Reply::Status(code));
            etcd.end_watches(Code::Ok);
            subject.tells(CAUSE).await;
            assert!(!subject.status().last_error.expect("just read").contains("secret"));
            lasts(&etcd, Duration::from_secs(1)).await;
            ends_on_two(&etcd, &subject).await;
        }
    })
    .await;
}
