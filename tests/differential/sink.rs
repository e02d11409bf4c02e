//! What the sink for the reference hands on means the same there, and what would not is not handed on.

use std::sync::Arc;

use aldis_core::{Directive, DirectiveSet, UnixMillis};
use aldis_etcd::kv::Revision;
use aldis_etcd::{Digest, Sink, Snapshot};
use aldis_example_osproxy::{Inexpressible, ReferenceSink, translate};
use osproxy_core::{Clock, ManualClock};
use osproxy_observe::{DirectiveStore, InMemoryDirectiveStore};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};
use proptest::sample::select;
use rig::generate::{self, NOW};

use crate::document::LATE;
use crate::reference::{Reference, decide, with_every_fact};

/// Without what the reference has no word for. Lists stay.
fn expressible(mut directive: Directive<'static>) -> Directive<'static> {
    directive.target.labels.clear();
    directive.sampling.by = aldis_core::SampleBy::RequestId;
    directive.sampling.salt = None;
    directive.not_before = None;
    directive.suppress = false;
    directive
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_handed_on_means_the_same(
        directives in generate::directives(0..=9),
        requests in vec(generate::request(), 4),
        late in select(&LATE[..]),
    ) {
        let set = DirectiveSet::from_directives(directives.into_iter().map(expressible)).expect("is legal");
        let theirs = Reference::of(translate(&set, NOW, ManualClock::new().now()).expect("can be said"));
        for request in requests.into_iter().map(with_every_fact) {
            prop_assert_eq!(theirs.decide(&request, late), decide(&set, &request, late));
        }
    }
}

fn set(fields: &str) -> DirectiveSet {
    let document = format!(
        r#"{{"directives":[{{"id":"a","level":"Shape","ttl_secs":9,"tenant":"acme"}},{{"id":"b","ttl_secs":9,{fields}}}]}}"#
    );
    DirectiveSet::decode(document.as_bytes(), NOW).expect("is valid")
}

#[test]
fn what_the_reference_has_no_word_for_is_named_and_nothing_is_left_out() {
    for (fields, field) in [
        (r#""level":"Off","suppress":true"#, "suppress"),
        (r#""level":"Shape","labels":{"a":"b"}"#, "labels"),
        (r#""level":"Shape","sample_by":"tenant","sample_per_mille":5"#, "sample_by"),
        (r#""level":"Shape","salt":"s","sample_per_mille":999"#, "salt"),
        (r#""level":"Shape","not_before":"2039-01-01T00:00:00Z""#, "not_before"),
    ] {
        let no = translate(&set(fields), NOW, ManualClock::new().now()).expect_err("cannot be said");
        assert_eq!(no, Inexpressible { index: 1, field }, "{fields}");
    }
    for fields in
        [r#""level":"Shape","salt":"s""#, r#""level":"Shape","sample_by":"tenant","sample_per_mille":0"#]
    {
        assert!(translate(&set(fields), NOW, ManualClock::new().now()).is_ok(), "{fields}");
    }
    let expired = UnixMillis::new(NOW.as_u64() + 9_000);
    assert_eq!(
        translate(&set(r#""level":"Shape","salt":"s""#), expired, ManualClock::new().now())
            .map(|set| set.len()),
        Ok(0)
    );
}

#[test]
fn the_store_of_the_reference_keeps_what_it_had_where_it_cannot_follow() {
    let theirs = Arc::new(InMemoryDirectiveStore::new());
    let sink = ReferenceSink::new(Arc::clone(&theirs), Arc::new(ManualClock::new())).expect("has a clock");
    let apply = |fields: &str| {
        let now = UnixMillis::parse_rfc3339("2039-01-01T00:00:00Z").expect("is a time");
        let document = format!(r#"{{"directives":[{{"id":"b","ttl_secs":9,{fields}}}]}}"#);
        let set = DirectiveSet::decode(document.as_bytes(), now).expect("is valid");
        sink.apply(&Arc::new(Snapshot::new(Revision::new(1), Digest::of([]), Arc::new(set))))
    };
    apply(r#""level":"Shape","tenants":["a","b"],"endpoints":["Search","Count"]"#).expect("can be said");
    assert_eq!(theirs.load().len(), 4);
    let error = apply(r#""level":"Shape","labels":{"planted":"planted"}"#).expect_err("cannot be said");
    assert!(error.to_string().contains("labels") && !error.to_string().contains("planted"), "{error}");
    assert_eq!(theirs.load().len(), 4);
}
