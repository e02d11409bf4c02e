//! In good weather: reads, updates, refusals, deletes, transactions.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aldis_etcd::kv::etcd::{EtcdConnector, EtcdOptions};
use aldis_etcd::kv::{Connect, Header, KvError, KvSource, KvWatch, Listing, Revision, Scope};
use aldis_etcd::{
    Change, Decision, DiagLevel, EtcdDirectiveStore, RefusalCause, Request, Sink, SinkError, Snapshot, State,
};
use async_trait::async_trait;
use rig::etcd::Etcd;
use rig::link::Link;
use rig::{eventually, stall};

use super::{KEY, SOON, builder, document, document_for, ids, shows, store};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_there_is_read_and_what_changes_is_followed() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        etcd.put(KEY, document("one"));
        let store = store(&etcd.endpoint()).await;
        assert_eq!(ids(&store), "one", "{version}: there as soon as it has connected");
        let mut reader = store.reader();
        let acme = Request { tenant: Some("two"), ..Request::EMPTY };
        assert_eq!(reader.decide(&acme), Decision::OFF);
        etcd.put(KEY, document("two"));
        shows(&store, "two", SOON).await;
        assert_eq!(reader.decide(&acme).level, DiagLevel::Shape);
        etcd.put("aldis/directives/other", document("foreign"));
        etcd.delete(KEY);
        shows(&store, "", SOON).await;
        assert_eq!(reader.decide(&acme), Decision::OFF);

        let status = store.status();
        assert_eq!((status.state, status.directives, status.reconnects), (State::Live, 0, 0), "{version}");
        assert_eq!(status.revision, Some(Revision::new(5)), "{version}");
        assert!(status.cluster_id.is_some() && status.endpoint == Some(etcd.endpoint()));
        assert!(status.last_confirmed.is_some() && status.stale_for.is_none() && status.refused.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_document_keeps_the_last_good_and_is_on_show_until_a_good_one() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        etcd.put(KEY, document("good"));
        let store = store(&etcd.endpoint()).await;
        let mut changes = store.changes();
        etcd.put(KEY, r#"{"directives":[{"id":"x","tennant":"acme"}]}"#);
        let told = loop {
            let change = tokio::time::timeout(SOON, changes.next()).await.expect("it is told");
            match change.expect("the store lives") {
                Change::Refused { key, refusal } => break (key, refusal),
                Change::Live => {}
                other => panic!("{other:?}"),
            }
        };
        let status = store.status();
        assert_eq!(status.refused.get(&told.0), Some(&told.1));
        let RefusalCause::Document(error) = &told.1.cause else { panic!("{told:?}") };
        assert_eq!((error.reason().as_str(), error.path()), ("unknown_field", "directives[0].tennant"));
        assert_eq!((told.0.to_string().as_str(), told.1.revision), (KEY, Revision::new(3)));
        assert_eq!((ids(&store).as_str(), status.revision), ("good", Some(Revision::new(2))), "{version}");
        etcd.put(KEY, document("better"));
        shows(&store, "better", SOON).await;
        assert!(store.status().refused.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_at_the_start_is_empty_with_its_refusal_or_an_error_where_asked_for() {
    let etcd = Etcd::start();
    etcd.put(KEY, r#"{"directives":[{"id":"x","level":"Shape"}]}"#);
    let store = store(&etcd.endpoint()).await;
    assert_eq!((ids(&store).as_str(), store.status().refused.len()), ("", 1));
    let strict = builder(&etcd.endpoint()).strict_start(true).connect().await.expect_err("is malformed");
    assert!(strict.to_string().contains("missing_ttl_secs") && strict.to_string().contains(KEY), "{strict}");
    etcd.put(KEY, document("good"));
    shows(&store, "good", SOON).await;
}

/// Keeps every snapshot.
#[derive(Default)]
struct Recorder(Mutex<Vec<(Revision, usize)>>);

impl Sink for Recorder {
    fn name(&self) -> &'static str {
        "recorder"
    }

    fn apply(&self, snapshot: &Arc<Snapshot>) -> Result<(), SinkError> {
        self.0.lock().expect("unbroken").push((snapshot.revision, snapshot.set.len()));
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_over_many_keys_is_one_snapshot() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        let recorder = Arc::new(Recorder::default());
        let sink: Arc<dyn Sink> = Arc::<Recorder>::clone(&recorder);
        let builder = EtcdDirectiveStore::builder([etcd.endpoint()]).scope("many/").sink(sink);
        let store = builder.connect().await.expect("etcd answers");
        let documents: Vec<_> =
            (0..60).map(|number| (format!("many/{number:02}"), document(&number.to_string()))).collect();
        let puts: Vec<_> = documents.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        etcd.transaction(&puts);
        eventually("all sixty are in force", SOON, || store.snapshot().set.len() == 60).await;
        let seen = recorder.0.lock().expect("unbroken").clone();
        assert_eq!(seen, [(Revision::new(1), 0), (Revision::new(2), 60)], "{version}");
        let order: Vec<String> = (0..60).map(|number| number.to_string()).collect();
        assert_eq!(ids(&store), order.join(" "), "in key order");
    }
}

/// Puts a document between every list and the watch that follows it.
struct PutsInBetween {
    etcd: EtcdConnector,
    writer: Arc<Etcd>,
    count: Arc<Mutex<u32>>,
}

struct Between {
    inner: Box<dyn KvSource>,
    writer: Arc<Etcd>,
    count: Arc<Mutex<u32>>,
}

#[async_trait]
impl Connect for PutsInBetween {
    fn endpoints(&self) -> &[String] {
        self.etcd.endpoints()
    }

    async fn connect(&self, endpoint: usize) -> Result<Box<dyn KvSource>, KvError> {
        let inner = self.etcd.connect(endpoint).await?;
        Ok(Box::new(Between { inner, writer: Arc::clone(&self.writer), count: Arc::clone(&self.count) }))
    }
}

#[async_trait]
impl KvSource for Between {
    async fn head(&self, scope: &Scope) -> Result<Header, KvError> {
        self.inner.head(scope).await
    }

    async fn list(&self, scope: &Scope) -> Result<Listing, KvError> {
        self.inner.list(scope).await
    }

    async fn watch(&self, scope: &Scope, from: Revision) -> Result<Box<dyn KvWatch>, KvError> {
        let number = {
            let mut count = self.count.lock().expect("unbroken");
            *count += 1;
            *count
        };
        self.writer.put(KEY, document(&format!("between{number}")));
        self.inner.watch(scope, from).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_put_between_list_and_watch_is_seen() {
    for version in Etcd::available() {
        let etcd = Arc::new(Etcd::builder().version(&version).start());
        let connector = EtcdConnector::new(&EtcdOptions::new([etcd.endpoint()])).expect("options");
        let count = Arc::default();
        let connect = PutsInBetween { etcd: connector, writer: Arc::clone(&etcd), count };
        let store =
            EtcdDirectiveStore::over(Arc::new(connect)).scope(KEY).connect().await.expect("etcd answers");
        shows(&store, "between1", SOON).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relative_lifetime_is_not_extended_by_reconnects() {
    let etcd = Etcd::start();
    let link = Link::to(etcd.address());
    etcd.put(KEY, document_for("short", 5));
    stall::watch();
    let put_at = Instant::now();
    let store = store(&link.endpoint()).await;
    let request = Request { tenant: Some("short"), ..Request::EMPTY };
    let mut reader = store.reader();
    while reader.decide(&request) != Decision::OFF {
        link.close_existing();
        etcd.put("aldis/other", "something else happens");
        if put_at.elapsed() > Duration::from_secs(2) {
            etcd.compact();
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(put_at.elapsed() < Duration::from_secs(8) + stall::since(put_at), "still on");
    }
    assert!(put_at.elapsed() > Duration::from_secs(4), "{:?}", put_at.elapsed());
    let expected = if stall::since(put_at) < Duration::from_secs(1) { 3 } else { 1 };
    assert!(store.status().reconnects >= expected, "{:?}", store.status());
    eventually("it is live again", super::CONVERGENCE, || store.status().state == State::Live).await;
    assert_eq!((ids(&store).as_str(), reader.decide(&request)), ("short", Decision::OFF), "there, and over");
}
