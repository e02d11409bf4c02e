//! What goes over which connection when several endpoints fail: before scripted etcds, which count what they are asked.

use std::sync::Arc;
use std::time::Duration;

use aldis_etcd::kv::etcd::{EtcdKv, EtcdOptions};
use aldis_etcd::kv::{KvError, KvReader, KvSource, KvWatcher, Revision, Scope};
use rig::link::{Blackhole, Link};
use rig::scripted::{Call, Code, Reply, Scripted};

const PATIENCE: Duration = Duration::from_secs(20);

async fn connect(endpoints: &[String], limit: Duration) -> Arc<EtcdKv> {
    let options = EtcdOptions::new(endpoints.to_vec()).request_timeout(limit);
    Arc::new(EtcdKv::connect(&options.connect_timeout(limit)).await.expect("one answers"))
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_share_what_came_of_a_round_and_do_not_go_round_one_after_the_other() {
    let server = Scripted::start();
    let links = [(); 3].map(|()| Link::to(server.address()));
    let kv = connect(&links.each_ref().map(Link::endpoint), Duration::from_secs(1)).await;
    links.iter().for_each(|link| link.blackhole(Blackhole::Both));
    let callers: Vec<_> = (0..60)
        .map(|_| {
            let kv = Arc::clone(&kv);
            tokio::spawn(async move { kv.get(&"a".into()).await })
        })
        .collect();
    let all = async {
        for caller in callers {
            let answer = caller.await.expect("no panic");
            assert!(matches!(answer, Err(KvError::Connect { .. } | KvError::Timeout { .. })), "{answer:?}");
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("one round takes 3 s");
    links.iter().for_each(Link::pass);
    kv.get(&"a".into()).await.expect("the next goes round anew");
}

#[tokio::test]
async fn what_is_not_permitted_is_final_and_a_token_that_is_not_taken_is_worth_another_connection() {
    for (code, is_final) in [(Code::PermissionDenied, true), (Code::Unauthenticated, false)] {
        let server = Scripted::start();
        let kv = connect(&[server.endpoint()], PATIENCE).await;
        server.reply(Call::Range, Reply::Status(code));
        let answer = kv.get(&"a".into()).await;
        assert!(matches!(answer, Err(KvError::Denied { .. })), "{answer:?}");
        let (asked, dialled) = (server.calls(Call::Range), server.calls(Call::Status));
        assert_eq!((asked == 1, dialled == 1), (is_final, is_final), "{code}: {asked}, {dialled}");
        server.heal();
        kv.get(&"a".into()).await.expect("permitted");
        assert_eq!(server.calls(Call::Status) == 1, is_final, "{code}");
    }
}

#[tokio::test]
async fn the_head_of_a_large_scope_is_one_small_question() {
    let server = Scripted::start();
    for number in 0..100 {
        server.put(&format!("p/{number:02}"), "x");
    }
    let kv = connect(&[server.endpoint()], PATIENCE).await;
    let head = kv.head(&Scope::parse("p/")).await.expect("it answers");
    assert_eq!((head.revision, server.calls(Call::Range)), (Revision::new(101), 1));
}

#[tokio::test]
async fn a_watch_that_cannot_begin_here_begins_elsewhere() {
    let (broken, healthy) = (Scripted::start(), Scripted::start());
    let kv = connect(&[broken.endpoint(), healthy.endpoint()], PATIENCE).await;
    broken.reply(Call::Watch, Reply::Status(Code::Unavailable));
    let watch = kv.watch(&Scope::parse("p/"), Revision::new(2)).await;
    assert!(watch.is_ok(), "{:?}", watch.map(drop));
    assert_eq!(healthy.calls(Call::Watch), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_goes_while_nobody_can_be_reached_ends_the_watch_at_once() {
    let server = Scripted::start();
    let link = Link::to(server.address());
    let kv = connect(&[link.endpoint()], Duration::from_secs(60)).await;
    link.cut();
    assert!(kv.get(&"a".into()).await.is_err());
    link.listen();
    link.blackhole(Blackhole::Both);
    let (tx, batches) = tokio::sync::mpsc::channel(1);
    let watch = tokio::spawn(async move { kv.watch_prefix(&"a".into(), tx).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(batches);
    let ended = tokio::time::timeout(PATIENCE, watch).await.expect("at once").expect("no panic");
    assert_eq!(ended, Ok(()));
}
