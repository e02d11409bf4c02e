//! A flip reaches every worker, over connections that were there before, without a restart.

use std::time::{Duration, Instant};

use rig::envoy::Delivery;
use rig::say;
use rig::wire::Connection;
use serde_json::{Value, json};

use crate::scene::{BOUND, Scene, acme, document, relayed, seen};

const FLIPS: usize = 50;

#[test]
fn a_publish_flips_what_the_upstream_sees_on_every_worker() {
    let scene = Scene::new();
    let mut connections = scene.connections();
    assert!(connections.iter_mut().all(|connection| acme(connection).is_none()), "nothing is published");
    let times = (1..=FLIPS).map(|flip| {
        let level = if flip % 2 == 1 { "Shape" } else { "ShapeTiming" };
        let begun = Instant::now();
        scene.publish(flip as u64, &document(level));
        until_all(&mut connections, Some(level));
        begun.elapsed()
    });
    tell("by the relay", times.collect());
    assert_eq!(scene.envoy.counter("revision"), FLIPS as u64);
    let requests = scene.relay.requests().len();
    assert!(requests < 2 * FLIPS, "one of three instances polls: {requests} requests for {FLIPS} sets");
    scene.publish(FLIPS as u64 + 1, &json!({"directives": []}));
    scene.until_level(&mut connections, None);
}

#[test]
fn a_file_that_is_renamed_into_place_flips_it_without_a_relay() {
    let inline = |level: &str| json!({"document": document(level), "tenant": {"header": "x-tenant"}});
    let mut scene = Scene::with(&inline("Shape"), |builder| builder.delivery(Delivery::Extension));
    let mut connections = scene.connections();
    scene.until_level(&mut connections, Some("Shape"));
    let times = (1..=FLIPS / 5).map(|flip| {
        let level = if flip % 2 == 1 { "ShapeTiming" } else { "Shape" };
        let begun = Instant::now();
        scene.envoy.reconfigure(&inline(level));
        until_all(&mut connections, Some(level));
        begun.elapsed()
    });
    tell("by a file (ECDS)", times.collect());
}

/// What an update of Envoy does while a poll is under way: the instance that polled is gone, its call with it, and the next
/// one's calls are numbered as those were.
#[test]
fn a_filter_that_is_configured_anew_goes_on_where_it_was() {
    let with_prefix = |prefix: &str| -> Value {
        let mut configuration = relayed();
        configuration["headers"] = json!({"level": format!("x-{prefix}-level")});
        configuration
    };
    let mut scene = Scene::with(&with_prefix("a"), |builder| builder.delivery(Delivery::Extension));
    scene.publish(1, &document("Shape"));
    let mut connections = scene.connections();
    for (revision, prefix) in (2..).zip(["b", "c", "d"]) {
        scene.envoy.reconfigure(&with_prefix(prefix));
        scene.publish(revision, &document(if revision % 2 == 0 { "ShapeTiming" } else { "Shape" }));
        let header = format!("x-{prefix}-level");
        let expected = if revision % 2 == 0 { "ShapeTiming" } else { "Shape" };
        rig::eventually_blocking("each worker has the new configuration and the new set", BOUND, || {
            connections.iter_mut().all(|connection| {
                let answer = connection.get("/", &[("x-tenant", b"acme")]).expect("is answered");
                seen(&answer, &header).as_deref() == Some(expected)
            })
        });
    }
    assert_eq!(scene.envoy.stat("wasm.envoy.wasm.runtime.v8.active"), Some(4), "no VM was lost");
}

/// Asks again and again, without a pause, as what is measured is how soon.
pub(crate) fn until_all(connections: &mut [Connection], level: Option<&str>) {
    let begun = Instant::now();
    while !connections.iter_mut().all(|connection| acme(connection).as_deref() == level) {
        assert!(begun.elapsed() < BOUND, "{level:?} does not arrive");
    }
}

/// Says how long it took from a publication until every worker had it.
pub(crate) fn tell(how: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |per_cent: usize| times[(times.len() - 1) * per_cent / 100];
    say(&format!(
        "publish to visible on every worker, {how}: median {:.0?}, p99 {:.0?}, of {}",
        at(50),
        at(99),
        times.len()
    ));
}
