//! The etcd backend on a real etcd: sizes, deadlines, TLS, credentials, rotation.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends, saying why")]

#[path = "live_kv/rotation.rs"]
mod rotation;

use std::fs;
use std::time::{Duration, Instant};

use aldis_etcd::kv::etcd::{EtcdConnection, EtcdConnector, EtcdKv, EtcdOptions, Tls as ClientTls};
use aldis_etcd::kv::{
    Key, KvChange, KvCondition, KvError, KvReader, KvSource, KvTransact, KvTtl, KvWatch, KvWatcher, KvWriter,
    LeaseId, MAX_LEASE_TTL, Revision, Scope, WatchMessage,
};
use rig::etcd::{Etcd, Tls};

const MIB: usize = 1 << 20;

async fn open(options: &EtcdOptions) -> Result<EtcdConnection, KvError> {
    EtcdConnector::new(options)?.open(0).await
}

async fn connect(etcd: &Etcd) -> EtcdConnection {
    open(&EtcdOptions::new([etcd.endpoint()])).await.expect("etcd answers")
}

async fn next(watch: &mut Box<dyn KvWatch>) -> WatchMessage {
    let message = tokio::time::timeout(Duration::from_secs(20), watch.next()).await.expect("in time");
    message.expect("no error").expect("the stream goes on")
}

#[tokio::test]
async fn a_prefix_and_a_history_far_beyond_four_mebibytes_load() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        let kv = connect(&etcd).await;
        for number in 0..24 {
            kv.put(&format!("big/{number:02}").as_str().into(), &vec![b'x'; MIB]).await.expect("put");
        }
        let listing = kv.list(&Scope::parse("big/")).await.expect("list");
        assert_eq!(listing.header.revision, Revision::new(25), "{version}");
        assert!(listing.entries.is_sorted_by_key(|entry| entry.key.clone()));
        assert_eq!(
            listing.entries.iter().map(|entry| entry.value.len()).sum::<usize>(),
            24 * MIB,
            "{version}"
        );
        let mut watch = kv.watch(&Scope::parse("big/"), Revision::new(2)).await.expect("watch");
        let mut seen = Vec::new();
        while seen.len() < 24 {
            if let WatchMessage::Events(_, events) = next(&mut watch).await {
                seen.extend(events.iter().map(|event| event.mod_revision().as_u64()));
            }
        }
        assert_eq!(seen, (2..26).collect::<Vec<u64>>(), "{version}");
    }
}

#[tokio::test]
async fn many_small_keys_come_in_pages_at_one_revision() {
    let etcd = Etcd::start();
    let kv = connect(&etcd).await;
    for number in 0..400 {
        kv.put(&format!("p/{number:04}").as_str().into(), b"x").await.expect("put");
    }
    kv.put(&"q".into(), b"outside").await.expect("put");
    let listing = kv.list(&Scope::parse("p/")).await.expect("list");
    assert_eq!((listing.entries.len(), listing.header.revision), (400, Revision::new(402)));
    let everything = kv.list(&Scope::Prefix("".into())).await.expect("list");
    assert_eq!(everything.entries.len(), 401);
}

#[tokio::test]
async fn values_up_to_the_limit_pass_and_those_beyond_are_refused_unsent() {
    let etcd = Etcd::start();
    let kv = connect(&etcd).await;
    let error = kv.put(&"key".into(), &vec![0; 1_572_864]).await.expect_err("too large");
    let KvError::TooLarge { bytes: 1_572_864, limit } = error else { panic!("{error}") };
    kv.put(&"key".into(), &vec![0; limit]).await.expect("the limit itself passes");
    let shown = kv.get(&"key".into()).await.expect("get").1.expect("entry").mod_revision;
    kv.update(&"key".into(), &vec![1; limit], &shown.into()).await.expect("in a transaction, too");
}

/// What a server takes may be less than the client was told. By etcd, and above half a mebibyte more by its transport.
#[tokio::test]
async fn what_is_too_large_for_the_server_is_refused_and_not_in_doubt() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).argument("--max-request-bytes=100000").start();
        let kv = connect(&etcd).await;
        for bytes in [200_000, 1_400_000] {
            let refused = kv.put(&"key".into(), &vec![0; bytes]).await;
            let is_named = matches!(refused, Err(KvError::TooLargeForServer { operation: "put", .. }));
            assert!(is_named, "{version}: {bytes}: {refused:?}");
        }
        assert_eq!(kv.get(&"key".into()).await.expect("get").1, None, "{version}");
        kv.put(&"key".into(), &vec![0; 90_000]).await.expect("and less is taken");
    }
}

#[tokio::test]
async fn a_frozen_server_is_noticed_by_every_call() {
    let etcd = Etcd::start();
    let limit = Duration::from_millis(500);
    let options = EtcdOptions::new([etcd.endpoint()]).request_timeout(limit);
    let kv = open(&options).await.expect("etcd answers");
    let lease = kv.grant(Duration::from_secs(600)).await.expect("etcd grants").id;
    etcd.stop();
    let started = Instant::now();
    assert_timeouts(&kv, lease).await;
    let error = open(&options.clone().connect_timeout(limit)).await.expect_err("frozen").to_string();
    assert!(error.contains("no answer within 500 ms"), "{error}");
    // Thirteen times 500 ms by their settings; the rest is for a machine that stalls.
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    etcd.cont();
    // It has a backlog to answer first.
    for _ in 0..20 {
        if kv.get(&"a".into()).await.is_ok() {
            return;
        }
    }
    panic!("the connection does not come back");
}

async fn assert_timeouts(kv: &EtcdConnection, lease: LeaseId) {
    let (key, scope) = (Key::from("a"), Scope::parse("a/"));
    let (tx, _batches) = tokio::sync::mpsc::channel(1);
    let prefixes = [Key::from("a/"), Key::from("b/")];
    for (call, answer) in [
        ("watch", kv.watch(&scope, Revision::new(1)).await.map(drop)),
        ("watch_prefixes", kv.watch_prefixes(&prefixes, tx).await),
        ("head", kv.head(&scope).await.map(drop)),
        ("list", kv.list(&scope).await.map(drop)),
        ("keys", kv.keys(&key).await.map(drop)),
        ("scan", kv.scan(&key).await.map(drop)),
        ("get", kv.get(&key).await.map(drop)),
        ("update", kv.update(&key, b"", &Revision::ZERO.into()).await.map(drop)),
        ("delete", kv.delete(&key).await.map(drop)),
        ("grant", kv.grant(Duration::from_secs(5)).await.map(drop)),
        ("keep_alive", kv.keep_alive(lease).await.map(drop)),
        ("revoke", kv.revoke(lease).await),
    ] {
        assert!(matches!(answer, Err(KvError::Timeout { .. })), "{call}: {answer:?}");
    }
}

#[tokio::test]
async fn an_open_watch_on_a_frozen_server_ends_by_keepalive() {
    let etcd = Etcd::start();
    let kv = connect(&etcd).await;
    let mut watch = kv.watch(&Scope::parse("a"), Revision::new(1)).await.expect("watch");
    assert!(matches!(next(&mut watch).await, WatchMessage::Created(_)));
    etcd.stop();
    let started = Instant::now();
    let ended = tokio::time::timeout(Duration::from_secs(30), watch.next()).await.expect("noticed");
    assert!(ended.is_err(), "{ended:?}");
    // 9 s by its settings; the rest is for a machine that stalls.
    assert!(started.elapsed() < Duration::from_secs(14), "{:?}", started.elapsed());
}

#[tokio::test]
async fn tls_is_verified_and_mutual_tls_shows_a_certificate() {
    let etcd = Etcd::builder().tls(Tls::Mutual).start();
    let pem = |path: std::path::PathBuf| fs::read(path).expect("a certificate");
    let files = etcd.certificates();
    let trusting = ClientTls::new().ca(pem(files.ca()));
    let known = trusting.clone().identity(pem(files.client_certificate()), pem(files.client_key()));
    let with = |tls: ClientTls| EtcdOptions::new([etcd.endpoint()]).tls(tls);
    let kv = open(&with(known.clone())).await.expect("both sides are verified");
    kv.put(&"key".into(), b"value").await.expect("put");
    for (tls, cause) in [
        (ClientTls::new(), "certificate"),
        (trusting, "client certificate"),
        (known.domain("elsewhere.example"), "elsewhere.example"),
    ] {
        let error = open(&with(tls)).await.expect_err("not verified").to_string().to_lowercase();
        assert!(error.contains(&etcd.endpoint()) && error.contains(cause), "{error}");
    }
    let plain = EtcdOptions::new([etcd.endpoint().replace("https", "http")]);
    let error = open(&plain).await.expect_err("it speaks TLS").to_string();
    assert!(error.contains("write https"), "{error}");
}

#[tokio::test]
async fn wrong_and_missing_credentials_are_denied_without_telling_the_password() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).root_password("hunter2").start();
        let options = EtcdOptions::new([etcd.endpoint()]);
        open(&options.clone().credentials("root", "hunter2")).await.expect("right");
        let wrong = open(&options.clone().credentials("root", "swordfish")).await.expect_err("wrong");
        assert!(
            matches!(wrong, KvError::Denied { .. }) && !wrong.to_string().contains("swordfish"),
            "{wrong}"
        );
        let missing = match open(&options).await {
            Ok(kv) => kv.list(&Scope::parse("a/")).await.expect_err("none"),
            Err(error) => error,
        };
        assert!(matches!(missing, KvError::Denied { .. }), "{version}: {missing}");
    }
}

#[tokio::test]
async fn credentials_are_ignored_by_a_cluster_without_authentication() {
    let etcd = Etcd::start();
    let kv = open(&EtcdOptions::new([etcd.endpoint()]).credentials("me", "secret")).await.expect("ignored");
    kv.put(&"key".into(), b"value").await.expect("put");
}

#[tokio::test]
async fn an_expired_token_is_denied_and_the_rotation_authenticates_anew() {
    for version in Etcd::available() {
        let builder = Etcd::builder().version(&version).root_password("hunter2");
        let etcd = builder.argument("--auth-token-ttl=1").start();
        let options = EtcdOptions::new([etcd.endpoint()]).credentials("root", "hunter2");
        let (connection, kv) =
            (open(&options).await.expect("etcd"), EtcdKv::connect(&options).await.expect("etcd"));
        tokio::time::sleep(Duration::from_millis(3500)).await;
        let error = connection.get(&"a".into()).await.expect_err("expired");
        assert!(matches!(error, KvError::Denied { .. }), "{version}: {error}");
        kv.update(&"a".into(), b"1", &Revision::ZERO.into()).await.expect("authenticated anew");
    }
}

#[tokio::test]
async fn one_healthy_endpoint_of_three_is_enough_also_with_authentication() {
    let etcd = Etcd::builder().root_password("hunter2").start();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let silent = format!("http://{}", silent.local_addr().expect("address"));
    let endpoints = ["http://127.0.0.1:1".to_owned(), silent, etcd.endpoint()];
    let options = EtcdOptions::new(endpoints).connect_timeout(Duration::from_secs(3));
    let kv = EtcdKv::connect(&options.credentials("root", "hunter2")).await.expect("the third answers");
    kv.put(&"a".into(), b"1").await.expect("put");
    let dead = EtcdOptions::new(["http://127.0.0.1:1", "http://127.0.0.1:2"]);
    let error = EtcdKv::connect(&dead).await.map(drop).expect_err("none answers").to_string();
    assert!(error.contains("127.0.0.1:1") && error.contains("127.0.0.1:2"), "{error}");
    assert!(error.contains("connection refused"), "{error}");
}

#[tokio::test]
async fn progress_never_runs_ahead_of_what_was_delivered() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        let kv = connect(&etcd).await;
        for _ in 0..2000 {
            kv.put(&"a".into(), &[b'x'; 2000]).await.expect("put");
        }
        let mut watch = kv.watch(&Scope::parse("a"), Revision::new(2)).await.expect("watch");
        let (mut delivered, mut told) = (Revision::new(1), 0);
        while delivered < Revision::new(2001) || told == 0 {
            watch.request_progress().await.expect("request");
            match tokio::time::timeout(Duration::from_millis(100), watch.next()).await {
                Ok(Ok(Some(WatchMessage::Events(header, _)))) => delivered = header.revision,
                Ok(Ok(Some(WatchMessage::Progress(header)))) => {
                    assert!(header.revision <= delivered, "{version}: {header:?}, but {delivered:?}");
                    told += 1;
                }
                Ok(Ok(Some(WatchMessage::Created(_)))) | Err(_) => {}
                Ok(other) => panic!("{version}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn transactions_and_leases_of_a_cluster_go_over_any_endpoint() {
    let second = Duration::from_secs(1);
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        let options = EtcdOptions::new(["http://127.0.0.1:1".to_owned(), etcd.endpoint()]);
        let kv = EtcdKv::connect(&options).await.expect("the second answers");
        let lease = kv.grant(second * 3).await.expect("granted");
        assert_eq!(lease.ttl, second * 3, "{version}");
        assert_eq!(kv.keep_alive(lease.id).await, Ok(second * 3), "{version}");
        let put = [KvChange::put_under("a", "1", lease.id), KvChange::put("b", "1")];
        assert_eq!(kv.transact(&[KvCondition::absent("a")], &put).await, Ok(Revision::new(2)), "{version}");
        let at = |key: &str, revision| KvCondition::at(key, Revision::new(revision).into());
        let wrong = [at("a", 2), at("b", 1), KvCondition::absent("a")];
        let conflict =
            KvError::Conflict { key: "b".into(), expected: Revision::new(1), actual: Revision::new(2) };
        assert_eq!(kv.transact(&wrong, &put).await, Err(conflict), "{version}");
        kv.revoke(lease.id).await.expect("revoked");
        kv.revoke(lease.id).await.expect("twice is no error");
        assert_eq!(kv.get(&"a".into()).await.expect("get").1, None, "{version}");
        assert_eq!(kv.keep_alive(lease.id).await, Err(KvError::LeaseExpired), "{version}");
        assert_eq!(kv.transact(&[], &put).await, Err(KvError::LeaseExpired), "{version}");
        assert!(kv.put_with_ttl(&"a".into(), b"x", MAX_LEASE_TTL).await.is_ok(), "{version}");
    }
}
