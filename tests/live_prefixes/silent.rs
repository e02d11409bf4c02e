//! Watches over prefixes of an etcd that leaves questions open: said by a scripted one, since a real one does so rarely.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aldis_etcd::kv::etcd::{EtcdConnection, EtcdConnector, EtcdOptions};
use aldis_etcd::kv::{CursorLoss, KvError, WatchCursor};
use rig::scripted::{Beginning, Call, Reply, Scripted, WatchResponse, message};

use super::{end, follow, next};

const PREFIXES: [&str; 2] = ["a/", "b/"];

async fn open(server: &Scripted) -> Arc<EtcdConnection> {
    let connector = EtcdConnector::new(&EtcdOptions::new([server.endpoint()])).expect("options");
    Arc::new(connector.open(0).await.expect("it answers"))
}

/// The two watches of one stream stand, and what they say from then on is the test's.
fn both_created() -> Beginning {
    let says = [1, 2].map(|watch_id| WatchResponse { watch_id, ..message::created(1) });
    Beginning { says: says.to_vec(), ends: None }
}

/// Says that the first prefix has changed.
fn say_put(server: &Scripted, revision: i64, value: &[u8]) {
    let events = vec![message::put("a/1", value, revision)];
    server.say(&WatchResponse { watch_id: 1, ..message::events(revision, events) });
}

/// etcd forgets what it was asked while one watch of the stream was behind, also when it is not any more.
#[tokio::test(flavor = "multi_thread")]
async fn progress_that_is_not_answered_is_asked_for_again_whatever_comes_in() {
    let server = Scripted::start();
    server.begin_watches(both_created());
    let (mut batches, _ended) = follow(&open(&server).await, &PREFIXES, WatchCursor::none(), 16);
    assert_eq!(next(&mut batches).await.updates, []);
    rig::eventually("both are asked for", super::PATIENCE, || server.watches() == 1).await;
    let (mut revision, began) = (1, Instant::now());
    while server.calls(Call::Progress) < 3 {
        assert!(began.elapsed() < super::PATIENCE, "it is not asked for again");
        revision += 1;
        say_put(&server, revision, b"x");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.say(&message::progress(revision));
    let updates = next(&mut batches).await.updates;
    assert_eq!(updates.len(), usize::try_from(revision).expect("few") - 1, "all of it, and at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_back_is_bounded() {
    let server = Scripted::start();
    server.begin_watches(both_created());
    let (mut batches, ended) = follow(&open(&server).await, &PREFIXES, WatchCursor::none(), 16);
    assert_eq!(next(&mut batches).await.updates, []);
    rig::eventually("both are asked for", super::PATIENCE, || server.watches() == 1).await;
    for revision in 2..20 {
        say_put(&server, revision, &[0; 4 << 20]);
    }
    let ended = end(ended).await;
    let is_behind = matches!(ended, Err(KvError::CursorExpired { cause: CursorLoss::TooFarBehind { limit_bytes } })
            if limit_bytes == 64 << 20);
    assert!(is_behind, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_is_silent_from_the_beginning_or_later_is_given_up() {
    let created = Beginning { says: vec![message::created(1)], ends: None };
    let cases = [
        ("one is never created", &PREFIXES[..1], Beginning::default()),
        ("several are never created", &PREFIXES[..], Beginning::default()),
        ("the second is not created", &PREFIXES[..], created.clone()),
        ("one falls silent", &PREFIXES[..1], created),
        ("several fall silent", &PREFIXES[..], both_created()),
    ];
    let given_up = cases.map(|(what, prefixes, beginning)| {
        tokio::spawn(async move {
            let server = Scripted::start();
            server.begin_watches(beginning);
            server.reply(Call::Progress, Reply::Never);
            let (mut batches, ended) = follow(&open(&server).await, prefixes, WatchCursor::none(), 16);
            assert_eq!(next(&mut batches).await.updates, []);
            let ended = end(ended).await;
            assert!(matches!(ended, Err(KvError::Timeout { operation: "watch", .. })), "{what}: {ended:?}");
        })
    });
    for case in given_up {
        case.await.expect("given up in time");
    }
}
