//! A run in which everything happens that is counted or told of, in virtual time.

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aldis_abi::name;
use aldis_core::Request;
use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{Key, KvError, KvWriter};
use aldis_etcd::relay::Relay;
use aldis_etcd::sink::guest::{GuestEngine, GuestLimits, GuestSink};
use aldis_etcd::{EtcdDirectiveStore, OnDemandDirectives, Sink, SinkError, Snapshot, State, Status};
use rig::eventually;
use rig::http::{Client, Question};
use tokio::net::TcpListener;

use crate::faulty::{Fault, Faulty};
use crate::reader::{Mood, Moody};
use crate::snapshots::{NOW, snapshot};
use crate::wat::Guest;

/// Virtual.
const PATIENCE: Duration = Duration::from_secs(300);

const PREFIX: &str = "planted-prefix/";
const TENANT: &str = "planted-tenant";

/// A good document, of which a subscriber is to see nothing.
pub(crate) const GOOD: &str = r#"{"directives":[{"id":"planted-directive","level":"Shape","ttl_secs":600,
    "tenant":"planted-tenant","index":"planted-index","labels":{"planted-value":"planted-value"}}]}"#;

/// Malformed ones, each by a value.
pub(crate) const MALFORMED: [&str; 4] = [
    "planted-value",
    r#"{"directives":[{"id":"planted-directive","level":"planted-value","ttl_secs":600}]}"#,
    r#"{"directives":[{"id":"planted-directive","level":"Shape","expires_at":"planted-value"}]}"#,
    r#"{"directives":[{"id":"planted-directive","level":"Shape","ttl_secs":600,"endpoint":"planted-value"}]}"#,
];

/// The whole story.
pub(crate) async fn tell() {
    a_store_goes_through_everything().await;
    tenants_are_loaded_in_every_way().await;
    guests_go_wrong();
    // Sockets know nothing of virtual time: it would run on while they are waited for.
    tokio::time::resume();
    a_relay_is_asked().await;
    tokio::time::pause();
}

async fn a_relay_is_asked() {
    let kv = MemoryKv::new();
    put(&kv, "a", GOOD).await;
    let store = EtcdDirectiveStore::over(Arc::new(kv)).scope(PREFIX).name("relayed").connect().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("is bound");
    let relay = Relay::new(store.expect("memory answers"));
    let asking = async {
        let mut client = Client::connect(address).await;
        let etag = client.ask(Question::get("/v1/image")).await.header("etag").to_owned();
        client.ask(Question::get("/v1/image?wait=50ms").header("if-none-match", etag)).await;
        client.ask(Question::get(format!("/v1/directives?{TENANT}"))).await;
        client.ask(Question::get(format!("/{TENANT}"))).await;
        client.ask(Question::post("/v1/eval", format!(r#"{{"request":{{"tenant":"{TENANT}"}}}}"#))).await;
    };
    relay.serve(listener, asking).await.expect("has its address");
}

async fn a_store_goes_through_everything() {
    let kv = MemoryKv::new();
    let faulty = Faulty::over(&kv);
    let store = EtcdDirectiveStore::over(Arc::new(faulty.clone()))
        .scope(PREFIX)
        .name("edge")
        .sink(Arc::new(Broken::default()))
        .connect()
        .await
        .expect("memory answers");
    let until = |what: &'static str, is_so: fn(&Status) -> bool| {
        let store = store.clone();
        async move { eventually(what, PATIENCE, || is_so(&store.status())).await }
    };
    put(&kv, "a", GOOD).await;
    for malformed in MALFORMED {
        put(&kv, "b", malformed).await;
    }
    until("one is in force, the other refused", |status| status.directives == 1 && status.refused.len() == 1)
        .await;
    faulty.set(Fault::PanicInNext);
    put(&kv, "a", GOOD).await;
    until("the panic", |status| status.panics == 1 && status.state == State::Live).await;
    faulty.set(Fault::LoseEvents);
    put(&kv, "c", GOOD).await;
    until("the repair", |status| status.repairs == 1 && status.state == State::Live).await;
    kv.cut_watches();
    for _ in 0..3 {
        put(&kv, "a", GOOD).await;
    }
    kv.compact(kv.revision()).expect("is there");
    until("the cancel", |status| status.cancels >= 1 && status.state == State::Live).await;
    kv.wipe();
    until("the wiped cluster", |status| status.directives == 0 && status.state == State::Live).await;
    let mut changes = store.changes();
    drop(store);
    while changes.next().await.is_some() {}
}

/// A sink that takes nothing: it fails, then it panics.
#[derive(Default)]
struct Broken(AtomicUsize);

impl Sink for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn apply(&self, _: &Arc<Snapshot>) -> Result<(), SinkError> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            1 => panic!("as it was asked for"),
            _ => Err(SinkError::new("as it was asked for")),
        }
    }
}

async fn put(kv: &MemoryKv, name: &str, document: &str) {
    kv.put(&key(name), document.as_bytes()).await.expect("put");
}

fn key(name: &str) -> Key {
    format!("{PREFIX}{name}").as_str().into()
}

async fn tenants_are_loaded_in_every_way() {
    let kv = MemoryKv::new();
    let reader = Arc::new(Moody::over(&kv));
    let over =
        |ttl| OnDemandDirectives::over(Arc::<Moody>::clone(&reader), PREFIX).ttl(ttl).concurrent_reads(1);
    let on_demand = over(Duration::ZERO).build().expect("has a clock");
    let cached = over(Duration::from_secs(3600)).build().expect("has a clock");
    put(&kv, TENANT, GOOD).await;
    for _ in 0..2 {
        cached.load(TENANT).await.1.expect("is found");
    }
    on_demand.load(TENANT).await.1.expect("is found");
    put(&kv, TENANT, MALFORMED[1]).await;
    on_demand.load(TENANT).await.1.expect("the last good one");
    on_demand.load("planted-tenant without a document").await.1.expect("is empty");
    on_demand.load("").await.1.expect_err("is no tenant");
    for mood in [Mood::Failing(KvError::LeaseExpired), Mood::Silent, Mood::Panicking] {
        reader.is(mood);
        // Once in earnest, and once while nobody tries.
        for _ in 0..2 {
            on_demand.load(TENANT).await.1.expect("the last good one");
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    reader.is(Mood::Slow);
    let (one, two, other) =
        (on_demand.load(TENANT), on_demand.load(TENANT), on_demand.load("planted-tenant 2"));
    let let_go = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        reader.let_go(1);
    };
    let _answers = futures_util::future::join4(one, two, other, let_go).await;
}

/// A guest that breaks at each question, one that takes no set, and one that lies where it is looked at.
fn guests_go_wrong() {
    let limits = GuestLimits {
        memory_bytes: 1 << 20,
        call_deadline: Duration::from_secs(5),
        load_deadline: Duration::from_secs(5),
    };
    let sink = |guest: Guest| {
        let engine = GuestEngine::from_wasm(&guest.wasm(), limits).expect("is in the right form");
        GuestSink::new(engine, NonZeroUsize::MIN)
    };
    let breaking = sink(Guest::harmless().with(name::EVALUATE, "unreachable"));
    let request = Request { tenant: Some(TENANT), ..Request::EMPTY };
    for revision in 1..=2 {
        breaking.try_apply(&snapshot(revision)).expect("takes every set");
        for _ in 0..3 {
            let _off = breaking.decide(&request, NOW);
        }
    }
    sink(Guest::harmless().with(name::LOAD_IMAGE, "(i32.const -1)"))
        .try_apply(&snapshot(1))
        .expect_err("takes none");
    let every_second = NonZeroU64::new(2).expect("is not zero");
    let lying = sink(Guest::harmless().with(name::EVALUATE, "(i64.const 0x100000000)")).shadow(every_second);
    for revision in 1..=2 {
        lying.try_apply(&snapshot(revision)).expect("takes every set");
        for _ in 0..4 {
            let _on = lying.decide(&request, NOW);
        }
    }
}
