//! Every vector that can be put as an HTTP request decides through Envoy as it does natively.
//!
//! A set goes in by the relay, the facts by headers, the decision comes back in headers. Envoy decides by its own clock, so
//! that what a vector says of times is moved: by as much as lies between the vector's `now` and the present.

#[path = "vectors/expressible.rs"]
mod expressible;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aldis_core::{Directive, DirectiveSet, UnixMillis};
use rig::say;
use rig::vectors::{Engine, Refusal, Request, Verdict, all, differences};
use rig::wire::{Connection, Message};
use serde_json::{Value, json};

use self::expressible::{LABELS, STILL_MS, expressible};
use crate::scene::{BOUND, Scene, seen};

/// So many decisions must have gone through at least; there are some 1 300.
const FLOOR: usize = 1_100;

#[test]
fn what_can_be_put_as_a_request_decides_as_it_does_natively() {
    let (cases, skipped) = expressible(all());
    let decisions: usize = cases.iter().flat_map(|case| &case.vector.decisions).map(Vec::len).sum();
    let mut envoy = Through::new(configuration());
    let differences = differences(&mut envoy, &cases);
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    assert_eq!(envoy.asked, decisions);
    say(&format!(
        "vectors through Envoy: {decisions} decisions in {} sets; left out: {skipped:?}",
        envoy.revision
    ));
    assert!(decisions >= FLOOR, "{decisions} decisions are too few");
}

/// The twins: whoever reads one fact for another, or none, is found out.
#[test]
fn a_mapping_that_is_wrong_is_found_out() {
    let (cases, _) = expressible(all());
    for (fact, wrong) in [("index", json!({"header": "x-tenant"})), ("labels", json!({}))] {
        let of_fact = |name: &str| name.starts_with("targets/") && name.contains(fact.trim_end_matches('s'));
        let cases: Vec<_> = cases.iter().filter(|case| of_fact(&case.name)).cloned().collect();
        let mut configuration = configuration();
        configuration[fact] = wrong;
        let differences = differences(&mut Through::new(configuration), &cases);
        assert!(!differences.is_empty(), "{fact}: {} cases agree", cases.len());
    }
}

fn configuration() -> Value {
    let header = |name: &str| json!({"header": name});
    let labels = LABELS.iter().enumerate().map(|(place, name)| ((*name).to_owned(), header(&label(place))));
    json!({
        "relay_cluster": "relay",
        "poll_interval_ms": 10,
        "refresh_ms": 10,
        "tenant": header("x-tenant"),
        "index": header("x-index"),
        "principal": header("x-principal"),
        "endpoint": header("x-endpoint"),
        "request_id": header("x-id"),
        "trace_id": header("x-trace"),
        "labels": labels.collect::<serde_json::Map<_, _>>(),
        "headers": {
            "level": "x-aldis-level",
            "decided_by": "x-aldis-decided-by",
            "flags": "x-aldis-flags",
            "revision": "x-aldis-revision",
        },
        "when_off": true,
    })
}

/// The header of the label at this place.
fn label(place: usize) -> String {
    format!("x-label-{place}")
}

/// Envoy as an engine.
struct Through {
    scene: Scene,
    connection: Connection,
    set: DirectiveSet,
    /// Which set is in force, for which point in time, and since when.
    revision: u64,
    moved: Option<(UnixMillis, Instant)>,
    asked: usize,
}

impl Through {
    fn new(configuration: Value) -> Self {
        let scene = Scene::with(&configuration, |builder| builder);
        let connection = scene.envoy.connect();
        Self { scene, connection, set: DirectiveSet::empty(), revision: 0, moved: None, asked: 0 }
    }

    /// Has the set in force as if it were `now`, which stays true for as long as no end or beginning comes.
    fn move_to(&mut self, now: UnixMillis) {
        let still = Duration::from_millis(STILL_MS / 2);
        if self.moved.is_some_and(|(at, since)| at == now && since.elapsed() < still) {
            return;
        }
        self.revision += 1;
        let present = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        let present = UnixMillis::new(u64::try_from(present.as_millis()).expect("fits"));
        let moved = self.set.iter().map(|directive| moved(directive, now, present));
        let set = DirectiveSet::from_directives(moved).expect("is a set at any time");
        self.moved = Some((now, Instant::now()));
        self.scene.relay.publish(self.revision, &set);
        let revision = self.revision.to_string();
        rig::eventually_blocking("the set is in force", BOUND, || {
            let answer = self.connection.get("/", &[]).expect("is answered");
            seen(&answer, "x-aldis-revision").as_ref() == Some(&revision)
        });
    }
}

impl Engine for Through {
    fn name(&self) -> &str {
        "Envoy"
    }

    fn load(&mut self, document: &[u8], anchor: UnixMillis) -> Result<(), Refusal> {
        self.set =
            DirectiveSet::decode(document, anchor).expect("only documents that decide are put through");
        self.moved = None;
        Ok(())
    }

    fn decide(&mut self, request: &Request, now: UnixMillis) -> Verdict {
        self.move_to(now);
        self.asked += 1;
        let headers = headers(request);
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let answer = self.connection.get("/", &headers).expect("is answered");
        assert_eq!(answer.status(), 200, "{headers:?}");
        assert_eq!(seen(&answer, "x-aldis-revision"), Some(self.revision.to_string()));
        verdict(&answer)
    }
}

fn headers(request: &Request) -> Vec<(String, String)> {
    let facts = [
        ("x-tenant", &request.tenant),
        ("x-index", &request.index),
        ("x-principal", &request.principal),
        ("x-endpoint", &request.endpoint),
        ("x-id", &request.request_id),
        ("x-trace", &request.trace_id),
    ];
    let facts = facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
    let labels = request.labels.0.iter().map(|(name, value)| {
        let place = LABELS.iter().position(|label| label == name).expect("is one of those that are mapped");
        (label(place), value.clone())
    });
    facts.chain(labels).collect()
}

fn verdict(answer: &Message) -> Verdict {
    let flags = seen(answer, "x-aldis-flags").unwrap_or_default();
    let has = |flag| flags.split(',').any(|known| known == flag);
    Verdict {
        level: seen(answer, "x-aldis-level").expect("goes out, whatever it is"),
        ring_buffer: has("ring_buffer"),
        capture: has("capture"),
        decided_by: seen(answer, "x-aldis-decided-by"),
    }
}

/// A directive as far from `to` as it was from `from`. What would lie before 1970 begins with it.
fn moved(directive: Directive<'_>, from: UnixMillis, to: UnixMillis) -> Directive<'_> {
    let moved = |point: UnixMillis| {
        let point = i128::from(point.as_u64()) - i128::from(from.as_u64()) + i128::from(to.as_u64());
        UnixMillis::new(u64::try_from(point.max(0)).unwrap_or(u64::MAX))
    };
    let (not_before, expires_at) = (directive.not_before.map(moved), moved(directive.expires_at));
    Directive { not_before, expires_at, ..directive }
}
