//! What is counted is what the table says, both ways.

use std::collections::BTreeSet;

use metrics::{Unit, set_default_local_recorder};
use metrics_util::MetricKind;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use crate::{planted_in, story};

/// The module whose documentation holds the table.
const SOURCE: &str = include_str!("../../host-etcd/src/meter.rs");

/// A metric as the table has it: name, kind, unit, names of labels.
type Row = (String, String, String, BTreeSet<String>);

struct Metric {
    row: Row,
    labels: Vec<(String, String)>,
    description: String,
    value: f64,
}

async fn recorded() -> Vec<Metric> {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let guard = set_default_local_recorder(&recorder);
    aldis_etcd::meter::describe();
    story::tell().await;
    drop(guard);
    let told = snapshotter.snapshot().into_vec().into_iter();
    told.map(|(key, unit, description, value)| {
        let kind = match key.kind() {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let labels: Vec<(String, String)> =
            key.key().labels().map(|label| (label.key().to_owned(), label.value().to_owned())).collect();
        let names = labels.iter().map(|(name, _)| name.clone()).collect();
        let unit = unit.as_ref().map_or("none", Unit::as_str).to_owned();
        Metric {
            row: (key.key().name().to_owned(), kind.to_owned(), unit, names),
            labels,
            description: description.map(|text| text.to_string()).unwrap_or_default(),
            value: match value {
                DebugValue::Counter(count) => f64::from(u32::try_from(count).expect("a short run")),
                DebugValue::Gauge(value) => value.into_inner(),
                DebugValue::Histogram(_) => panic!("there are none"),
            },
        }
    })
    .collect()
}

/// The rows of the table, each with its last column.
fn table(source: &str) -> Vec<(Row, String)> {
    let rows = source.lines().filter_map(|line| line.strip_prefix("//! | `aldis."));
    rows.map(|row| {
        let columns: Vec<&str> = row.trim_end_matches('|').split('|').map(str::trim).collect();
        let [name, kind, unit, labels, what] = columns.as_slice() else { panic!("five columns: {row}") };
        let names = labels.split(", ").map(|label| label.trim_matches('`').to_owned());
        let name = format!("aldis.{}", name.trim_end_matches('`'));
        let labels = names.filter(|label| !label.is_empty()).collect();
        ((name, (*kind).to_owned(), (*unit).to_owned(), labels), (*what).to_owned())
    })
    .collect()
}

/// What only one of them has.
fn differences(table: &[(Row, String)], recorded: &[Metric]) -> Vec<Row> {
    let documented: BTreeSet<Row> = table.iter().map(|(row, _)| row.clone()).collect();
    let told: BTreeSet<Row> = recorded.iter().map(|metric| metric.row.clone()).collect();
    documented.symmetric_difference(&told).cloned().collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_counted_is_what_the_table_says() {
    let (recorded, table) = (recorded().await, table(SOURCE));
    assert!(differences(&table, &recorded).is_empty(), "{:#?}", differences(&table, &recorded));
    for metric in &recorded {
        let (_, what) = table.iter().find(|(row, _)| *row == metric.row).expect("is documented");
        let text = what.split_once(" (").map_or(what.as_str(), |(text, _)| text);
        let said = metric.description.as_str();
        assert!(!said.is_empty() && said.get(..12) == text.get(..12), "{said:?} is not {text:?}");
    }
    // The twin: a row too few, and one too many.
    let short: Vec<_> = table.iter().skip(1).cloned().collect();
    assert_eq!(differences(&short, &recorded), [table[0].0.clone()]);
    assert_eq!(differences(&table, &[]).len(), table.len());
}

#[tokio::test(start_paused = true)]
async fn labels_take_a_few_values_and_nothing_of_a_document() {
    let recorded = recorded().await;
    let table = table(SOURCE);
    for Metric { row, labels, .. } in &recorded {
        assert_eq!(planted_in(&row.0), None);
        for (name, value) in labels {
            assert_eq!(planted_in(value), None, "{}", row.0);
            let is_known = match (row.0.as_str(), name.as_str()) {
                (_, "store") => ["edge", "relayed"].contains(&value.as_str()),
                (_, "sink") => value == "broken",
                ("aldis.store.documents.refused", "reason") => {
                    ["invalid_json", "unknown_level", "bad_timestamp", "unknown_endpoint"]
                        .contains(&value.as_str())
                }
                ("aldis.relay.requests", "route") => {
                    ["/v1/image", "/v1/directives", "/v1/eval", "none"].contains(&value.as_str())
                }
                ("aldis.relay.requests", "status") => ["200", "304", "400", "404"].contains(&value.as_str()),
                _ => table.iter().any(|(known, what)| known == row && what.contains(&format!("`{value}`"))),
            };
            assert!(is_known, "{}: {name} is {value}", row.0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn counts_and_gauges_are_those_of_the_story() {
    let recorded = recorded().await;
    let value = |name: &str, label: Option<&str>| {
        let metric = recorded.iter().find(|metric| {
            metric.row.0 == name
                && metric.labels.iter().all(|(_, value)| value != "relayed")
                && label.is_none_or(|label| metric.labels.iter().any(|(_, value)| value == label))
        });
        metric.unwrap_or_else(|| panic!("{name} {label:?} is not there")).value
    };
    for (name, label, expected) in [
        ("aldis.store.state", Some("stopped"), 1.0),
        ("aldis.store.state", Some("live"), 0.0),
        ("aldis.store.directives", None, 0.0),
        ("aldis.store.refused", None, 0.0),
        ("aldis.store.panics", None, 1.0),
        ("aldis.store.repairs", None, 1.0),
        ("aldis.store.cancels", None, 1.0),
        ("aldis.store.cluster_changes", None, 1.0),
        ("aldis.store.documents.refused", Some("unknown_level"), 1.0),
        ("aldis.fetch_cache.requests", Some("hit"), 1.0),
        ("aldis.fetch_cache.requests", Some("miss_coalesced"), 1.0),
        ("aldis.fetch_cache.fetches", Some("found"), 2.0),
        ("aldis.fetch_cache.fetches", Some("absent"), 1.0),
        ("aldis.fetch_cache.fetches", Some("refused"), 2.0),
        ("aldis.fetch_cache.unread", Some("busy"), 1.0),
        ("aldis.fetch_cache.unread", Some("bad_tenant"), 1.0),
        ("aldis.fetch_cache.stale", None, 6.0),
        ("aldis.guest.sets.refused", None, 1.0),
        // Of eight, of which four were told.
        ("aldis.guest.shadow.evaluations", None, 2.0),
        ("aldis.guest.shadow.mismatches", None, 4.0),
        ("aldis.relay.requests", Some("304"), 1.0),
        ("aldis.relay.requests", Some("none"), 1.0),
        ("aldis.relay.waiting", None, 0.0),
    ] {
        assert!((value(name, label) - expected).abs() < 0.1, "{name} {label:?}: {}", value(name, label));
    }
    for (name, label) in [
        ("aldis.store.reconnects", None),
        ("aldis.store.snapshots.applied", None),
        ("aldis.store.sink.failures", Some("broken")),
        ("aldis.store.events", None),
        ("aldis.fetch_cache.fetches", Some("failed")),
        ("aldis.fetch_cache.fetches", Some("timeout")),
        ("aldis.fetch_cache.fetches", Some("panicked")),
        // Unless it was of no length, which is a matter of chance, each of three pauses had one load in it.
        ("aldis.fetch_cache.unread", Some("paused")),
        ("aldis.guest.faults", Some("trap")),
        ("aldis.guest.replacements", None),
    ] {
        assert!(value(name, label) >= 1.0, "{name} {label:?}: {}", value(name, label));
    }
    // Since 1970, in seconds, and not in milliseconds.
    assert!((1.7e9..1e11).contains(&value("aldis.store.last_confirmed", None)));
    assert_eq!(
        value("aldis.store.snapshots.applied", None),
        value("aldis.store.sink.failures", None),
        "each failed"
    );
}
