//! What a subscriber is told at every level.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aldis_etcd::kv::etcd::{EtcdKv, EtcdOptions};
use aldis_etcd::{EtcdDirectiveStore, OnDemandDirectives};
use rig::etcd::Etcd;
use rig::eventually;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::snapshots::snapshot;
use crate::{planted_in, story};

/// Writes down everything that it is told, a line for each span, record and event.
#[derive(Clone, Default)]
struct Scribe {
    lines: Arc<Mutex<Vec<String>>>,
    spans: Arc<AtomicU64>,
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).expect("writes to memory");
    }
}

impl Scribe {
    fn write(&self, start: String, record: impl FnOnce(&mut Line)) {
        let mut line = Line(start);
        record(&mut line);
        self.lines.lock().expect("unbroken").push(line.0);
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("unbroken").clone()
    }
}

impl Subscriber for Scribe {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let metadata = span.metadata();
        self.write(format!("span {} {}", metadata.target(), metadata.name()), |line| span.record(line));
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.write("record".to_owned(), |line| values.record(line));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.write(format!("event {}", event.metadata().target()), |line| event.record(line));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn leaks(lines: &[String]) -> Vec<&String> {
    lines.iter().filter(|line| planted_in(line).is_some()).collect()
}

#[tokio::test(start_paused = true)]
async fn spans_show_what_takes_time_and_nothing_of_a_document_at_any_level() {
    let scribe = Scribe::default();
    let guard = tracing::subscriber::set_default(scribe.clone());
    story::tell().await;
    drop(guard);
    let lines = scribe.lines();
    assert!(leaks(&lines).is_empty(), "{:#?}", leaks(&lines));
    for told in [
        r#"aldis_store store="edge" scope="prefix""#,
        r#"aldis_connect endpoint="memory:""#,
        "aldis_head",
        "aldis_list",
        "aldis_open_watch from=",
        "aldis_verify",
        "aldis_read",
        "message=applied",
        "message=refused a document",
        "message=refused a tenant's document",
        "message=a tenant's directives could not be read",
        "[unknown_level]",
    ] {
        assert!(lines.iter().any(|line| line.contains(told)), "{told} is not told of");
    }
    let lies: Vec<_> = lines.iter().filter(|line| line.contains("otherwise than the native core")).collect();
    let [lie] = lies.as_slice() else { panic!("of four lies in a minute one is told of: {lies:#?}") };
    let digest = snapshot(1).digest;
    for told in [
        " revision=1 ",
        &format!(" digest={digest} "),
        " guest=Decision",
        " native=Decision",
        " mismatches=1",
    ] {
        assert!(lie.contains(told), "{told} is not in {lie}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_leak_would_be_found() {
    let scribe = Scribe::default();
    let guard = tracing::subscriber::set_default(scribe.clone());
    let span = tracing::trace_span!("work", tenant = "planted-tenant", late = tracing::field::Empty);
    span.record("late", "planted-value");
    tracing::trace!(key = %"planted-prefix/a", "read");
    tracing::trace!("nothing to see");
    drop(guard);
    assert_eq!(leaks(&scribe.lines()).len(), 3, "{:?}", scribe.lines());
}

/// Also of what the client of etcd and everything beneath it tell.
#[tokio::test]
async fn on_a_real_etcd_nothing_of_a_document_is_told_either() {
    let etcd = Etcd::start();
    let scribe = Scribe::default();
    let guard = tracing::subscriber::set_default(scribe.clone());
    let patience = Duration::from_secs(10);
    let builder = EtcdDirectiveStore::builder([etcd.endpoint()]).scope("planted-prefix/");
    let store = builder.connect().await.expect("etcd answers");
    etcd.put("planted-prefix/planted-tenant", story::GOOD);
    etcd.put("planted-prefix/b", story::MALFORMED[1]);
    eventually("both are seen", patience, || {
        let status = store.status();
        status.directives == 1 && status.refused.len() == 1
    })
    .await;
    let kv = EtcdKv::connect(&EtcdOptions::new([etcd.endpoint()])).await.expect("etcd answers");
    let on_demand = OnDemandDirectives::over(Arc::new(kv), "planted-prefix/").build().expect("has a clock");
    for tenant in ["planted-tenant", "b"] {
        on_demand.load(tenant).await.1.expect("is there");
    }
    drop(guard);
    let lines = scribe.lines();
    assert!(lines.iter().any(|line| line.contains("h2::")), "what lies beneath tells nothing");
    assert!(leaks(&lines).is_empty(), "{:#?}", leaks(&lines));
}
