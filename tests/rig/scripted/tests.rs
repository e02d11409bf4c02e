use std::time::Duration;

use etcd_client::{
    Client, ConnectOptions, Error, GetOptions, WatchOptions, WatchResponse as Heard, WatchStream,
};

use super::{Beginning, Call, Code, Reply, SCRIPTED, Scripted, message};
use crate::eventually;

const SOON: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_millis(200);

async fn client(etcd: &Scripted) -> Client {
    Client::connect([etcd.endpoint()], None).await.expect("it listens")
}

async fn watch(client: &mut Client, from: i64) -> WatchStream {
    let options = WatchOptions::new().with_prefix().with_start_revision(from);
    client.watch("key/", Some(options)).await.expect("a stream")
}

async fn hear(stream: &mut WatchStream) -> Heard {
    let message = tokio::time::timeout(SOON, stream.message()).await.expect("in time");
    message.expect("the stream lives").expect("and goes on")
}

async fn is_silent(stream: &mut WatchStream) -> bool {
    tokio::time::timeout(SILENCE, stream.message()).await.is_err()
}

fn code(error: Error) -> Code {
    let Error::GRpcStatus(status) = error else { panic!("{error:?}") };
    assert_eq!(status.message(), SCRIPTED);
    status.code()
}

#[tokio::test]
async fn it_reads_as_etcd_does() {
    let etcd = Scripted::start();
    let writes: Vec<String> = (0..10).map(|number| format!("key/{number}")).collect();
    for key in &writes {
        etcd.put(key, vec![b'v'; 1 << 20]);
    }
    assert_eq!((etcd.delete("key/9"), etcd.delete("key/9")), (12, 12));
    let mut client = client(&etcd).await;
    let prefix = || GetOptions::new().with_prefix();
    let mut kv = client.kv_client().max_decoding_message_size(64 << 20);
    let whole = kv.get("key/", Some(prefix())).await.expect("above 4 MiB");
    assert_eq!((whole.kvs().len(), whole.more(), whole.count()), (9, false, 9));
    assert_eq!(whole.header().expect("a header").revision(), 12);
    let page = client.get("key/", Some(prefix().with_limit(2))).await.expect("two");
    assert_eq!((page.kvs().len(), page.more(), page.count()), (2, true, 9));
    let past = client.get("key/", Some(prefix().with_revision(2).with_keys_only())).await.expect("the past");
    assert_eq!((past.kvs().len(), past.kvs()[0].value_str().expect("text")), (1, ""));
    etcd.compact();
    let gone = client.get("key/", Some(prefix().with_revision(2))).await.expect_err("compacted");
    assert!(gone.to_string().contains("has been compacted"), "{gone}");
    client.put("key/0", "value", None).await.expect_err("clients cannot write");
}

#[tokio::test]
async fn a_watch_hears_history_events_and_progress() {
    let etcd = Scripted::start();
    etcd.transaction(&[("key/a", "1"), ("key/b", "2"), ("other", "3")]);
    let mut client = client(&etcd).await;
    let mut stream = watch(&mut client, 2).await;
    assert!(hear(&mut stream).await.created());
    assert_eq!(hear(&mut stream).await.events().len(), 2, "history");
    etcd.put("other", "4");
    etcd.delete("key/a");
    assert_eq!(hear(&mut stream).await.events().len(), 1);
    stream.request_progress().await.expect("asked");
    let progress = hear(&mut stream).await;
    assert_eq!((progress.events().len(), progress.watch_id()), (0, -1));
    assert_eq!(progress.header().expect("a header").revision(), 4);
    assert_eq!((etcd.calls(Call::Watch), etcd.calls(Call::Progress)), (1, 1));
    drop(stream);
    eventually("the watch is gone", SOON, || etcd.watches() == 0).await;
}

#[tokio::test]
async fn a_watch_from_what_is_compacted_is_cancelled_without_a_word() {
    let etcd = Scripted::start();
    etcd.put("key/a", "1");
    etcd.put("key/a", "2");
    etcd.compact();
    let mut client = client(&etcd).await;
    let mut stream = watch(&mut client, 2).await;
    assert!(hear(&mut stream).await.created());
    let cancel = hear(&mut stream).await;
    assert!(cancel.canceled() && cancel.cancel_reason().is_empty() && cancel.compact_revision() == 3);
    assert_eq!(cancel.header().expect("a header").revision(), 0);
    assert!(is_silent(&mut stream).await, "and stays open");
}

#[tokio::test]
async fn each_call_is_answered_as_scripted_and_as_usual_afterwards() {
    let etcd = Scripted::start();
    etcd.put("key/a", "1");
    let mut client = client(&etcd).await;
    for code_wanted in (1..=16).map(Code::from_i32) {
        etcd.reply(Call::Range, Reply::Status(code_wanted));
        etcd.reply(Call::Watch, Reply::Status(code_wanted));
        etcd.reply(Call::Status, Reply::Status(code_wanted));
        assert_eq!(code(client.get("key/a", None).await.expect_err("scripted")), code_wanted);
        assert_eq!(code(client.watch("key/a", None).await.expect_err("scripted")), code_wanted);
        assert_eq!(code(client.status().await.expect_err("scripted")), code_wanted);
        etcd.heal();
        client.get("key/a", None).await.expect("healed");
        let mut stream = watch(&mut client, 0).await;
        hear(&mut stream).await;
        etcd.end_watches(code_wanted);
        assert_eq!(code(stream.message().await.expect_err("scripted")), code_wanted);
    }
    let mut stream = watch(&mut client, 0).await;
    hear(&mut stream).await;
    etcd.end_watches(Code::Ok);
    assert!(stream.message().await.expect("no fault").is_none());
}

#[tokio::test]
async fn what_is_never_answered_stays_so_while_the_connection_lives() {
    let etcd = Scripted::start();
    let mut client = client(&etcd).await;
    for call in [Call::Range, Call::Watch, Call::Status] {
        etcd.reply(call, Reply::Never);
    }
    assert!(tokio::time::timeout(SILENCE, client.get("key/a", None)).await.is_err());
    assert!(tokio::time::timeout(SILENCE, client.watch("key/a", None)).await.is_err());
    assert!(tokio::time::timeout(SILENCE, client.status()).await.is_err());
    etcd.reply(Call::Authenticate, Reply::Never);
    let user = ConnectOptions::new().with_user("user", "password");
    let silent = Client::connect([etcd.endpoint()], Some(user.clone()));
    assert!(tokio::time::timeout(SILENCE, silent).await.is_err());
    etcd.heal();
    client.get("key/a", None).await.expect("on the same connection");
    Client::connect([etcd.endpoint()], Some(user)).await.expect("a token");
    assert_eq!(etcd.calls(Call::Authenticate), 2);
}

#[tokio::test]
async fn a_watch_is_told_whatever_the_script_says() {
    let etcd = Scripted::start();
    let mut client = client(&etcd).await;
    let mut stream = watch(&mut client, 0).await;
    hear(&mut stream).await;
    let unheard = etcd.put_unheard(&[("key/a", "1")]);
    etcd.say(&message::fragment(7, vec![message::unheard_of("key/b", "2", 7)]));
    assert_eq!(etcd.say(&message::by_cluster(99, message::progress(unheard))), 1);
    let fragment = hear(&mut stream).await.0;
    assert!(fragment.fragment && fragment.events[0].r#type == 7, "the lost event is lost");
    let own = fragment.header.expect("signed").cluster_id;
    let foreign = hear(&mut stream).await.0.header.expect("a header");
    assert!(own != 99 && foreign.cluster_id == 99);
    etcd.change_cluster();
    etcd.say(&message::canceled(0, "why"));
    let canceled = hear(&mut stream).await;
    assert_eq!(canceled.header().expect("signed").cluster_id(), own + 1);
}

#[tokio::test]
async fn a_watch_begins_as_scripted_and_ends_or_stays_silent() {
    let etcd = Scripted::start();
    let mut client = client(&etcd).await;
    let says = vec![message::refused(1, "scripted")];
    etcd.begin_watches(Beginning { says: says.clone(), ends: None });
    let mut stream = watch(&mut client, 0).await;
    let refused = hear(&mut stream).await;
    assert!(refused.canceled() && refused.created() && refused.watch_id() == -1);
    etcd.put("key/a", "1");
    stream.request_progress().await.expect("asked");
    assert!(is_silent(&mut stream).await, "nothing but the script");
    etcd.begin_watches(Beginning { says, ends: Some(Code::Aborted) });
    let mut stream = watch(&mut client, 0).await;
    hear(&mut stream).await;
    assert_eq!(code(stream.message().await.expect_err("scripted")), Code::Aborted);
}

#[tokio::test]
async fn a_list_of_repeated_pages_has_no_end() {
    let etcd = Scripted::start();
    etcd.put("key/a", "1");
    etcd.repeat_pages();
    let mut client = client(&etcd).await;
    for from in ["key/a", "key/b"] {
        let page = client.get(from, Some(GetOptions::new().with_from_key())).await.expect("a page");
        assert_eq!((page.kvs()[0].key(), page.more()), (&b"key/a"[..], true));
    }
}

#[tokio::test]
async fn a_read_of_the_past_says_so_in_its_header() {
    let etcd = Scripted::start();
    let past = etcd.put("key/a", "1");
    etcd.put("key/a", "2");
    etcd.read_as_of(past);
    let mut client = client(&etcd).await;
    let answer = client.get("key/a", None).await.expect("stale");
    assert_eq!((answer.kvs()[0].value(), answer.header().expect("a header").revision()), (&b"1"[..], past));
    etcd.claim_version("3.4.23");
    assert_eq!(client.status().await.expect("a status").version(), "3.4.23");
}
