//! What happens once per request allocates nothing: every decision, every explanation that is only looked at, every load.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends, saying why")]

use std::hint::black_box;
use std::sync::Arc;

use aldis_core::{
    Decision, DirectiveIndex, DirectiveSet, DirectiveStore, EndpointKind, InMemoryDirectiveStore, Request,
    UnixMillis,
};
use allocation_counter::measure;
use proptest::collection::vec;
use rig::generate::{NOW, directives, request, seeded};

const FULL: Request<'_> = Request {
    tenant: Some("acme"),
    index: Some("orders"),
    principal: Some("ann"),
    endpoint: Some(EndpointKind::Search),
    request_id: Some("7f9c2ba4"),
    trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736"),
    labels: &[("env", "prod"), ("zone", "b")],
};

/// The counter sees what it should: else every zero below is worth nothing.
#[test]
fn what_allocates_is_counted() {
    let set = decoded("", 1);
    assert!(allocations(|| set.clone()) >= 1);
    assert!(allocations(|| set.iter().map(|directive| directive.id.into_owned()).next()) >= 1);
}

#[test]
fn no_decision_allocates() {
    for (fields, count) in [
        ("", 0),
        ("", 1),
        (r#","tenant":"acme","endpoints":["Search","Count"],"capture":true"#, 4),
        (r#","tenant":"acme","sample_per_mille":500"#, 5),
        (r#","indices":["orders","items"],"principal":"ann""#, 1000),
        (r#","labels":{"env":"prod","zone":"b"},"ring_buffer":true"#, 1000),
        (r#","sample_per_mille":999,"sample_by":"trace_id","salt":"second""#, 1000),
        (r#","not_before":"2100-01-01T00:00:00Z""#, 1000),
    ] {
        let set = decoded(fields, count);
        for request in [&FULL, &Request::EMPTY] {
            assert_eq!(allocations(|| set.evaluate(request, NOW)), 0, "{count} directives with {fields}");
        }
    }
}

#[test]
fn no_decision_of_a_mixed_set_allocates() {
    let directives = seeded(&directives(2000), 3);
    let set = DirectiveSet::from_directives(directives).expect("keeps the rules");
    for request in seeded(&vec(request(), 50), 3) {
        request.with_facts(|request| {
            assert_eq!(allocations(|| set.evaluate(request, NOW)), 0, "{request:?}");
        });
    }
}

#[test]
fn an_explanation_and_an_id_allocate_nothing_until_they_are_written_down() {
    let set = decoded(r#","tenant":"acme","labels":{"env":"prod"},"sample_per_mille":500"#, 100);
    assert_eq!(allocations(|| assert_eq!(black_box(set.explain(&FULL, NOW)).count(), 100)), 0);
    assert_eq!(allocations(|| set.id(DirectiveIndex::new(99))), 0);
}

#[test]
fn no_load_allocates() {
    let set = decoded("", 100);
    let fixed = Arc::new(set.clone());
    let in_memory = InMemoryDirectiveStore::new().with_directives(set);
    for store in [&fixed as &dyn DirectiveStore, &in_memory] {
        drop(store.load());
        assert_eq!(allocations(|| store.load()), 0);
    }
}

#[test]
fn validating_an_image_allocates_nothing_whether_it_passes_or_not() {
    let image = decoded("", 1000).as_image().to_vec();
    let mut flipped = image.clone();
    if let Some(byte) = flipped.get_mut(100) {
        *byte ^= 1;
    }
    assert_eq!(allocations(|| DirectiveSet::from_image(image).expect("is one")), 0);
    assert_eq!(allocations(|| DirectiveSet::from_image(flipped).expect_err("was changed")), 0);
}

#[test]
fn decoding_allocates_for_the_set_and_not_for_each_directive() {
    let body = document(r#","tenant":"acme""#, 10_000);
    let decoding = allocations(|| DirectiveSet::decode(body.as_bytes(), NOW));
    assert!(decoding < 100, "{decoding} allocations");
}

/// How often `work` allocates, and whatever it gives is dropped.
fn allocations<T>(work: impl FnOnce() -> T) -> u64 {
    measure(|| {
        black_box(work());
    })
    .count_total
}

fn decoded(fields: &str, count: usize) -> DirectiveSet {
    let set = DirectiveSet::decode(document(fields, count).as_bytes(), NOW).expect("is valid");
    let off_at_the_end = set.evaluate(&FULL, UnixMillis::MAX);
    assert_eq!(off_at_the_end, Decision::OFF);
    set
}

fn document(fields: &str, count: usize) -> String {
    let one = |place| format!(r#"{{"id":"d{place}","level":"Shape","ttl_secs":60{fields}}}"#);
    format!(r#"{{"directives":[{}]}}"#, (0..count).map(one).collect::<Vec<_>>().join(","))
}
