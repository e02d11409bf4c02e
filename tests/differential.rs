//! The reference beside us: `osproxy-observe` 1.0.5, the published crate. What it takes and means exactly, we take and
//! mean the same; what it takes and misreads, we refuse, for the reasons listed here and no others.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends, saying why")]

use std::collections::BTreeSet;
use std::time::Duration;

use aldis_core::{Directive, DirectiveSet, SampleBy, StrList, UnixMillis};
use osproxy_core::{Clock, EndpointKind, ManualClock, PartitionId, PrincipalId, RequestId};
use osproxy_observe::{RequestAttrs, decode_directive_set};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, prop_assert_eq, proptest};
use rig::generate::{self, NOW};
use rig::vectors::{self, Pairs, Request, Verdict};

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_documents_mean_the_same(
        directives in generate::directives(0..=9).prop_map(as_the_reference_has_them),
        requests in vec(generate::request(), 4),
        late_by in 0..2_u64,
    ) {
        let document = document(&directives);
        let ours = DirectiveSet::decode(document.as_bytes(), NOW).expect("keeps our rules");
        let theirs = Reference::decode(document.as_bytes()).expect("keeps their rules");
        for request in requests.into_iter().map(with_every_fact) {
            // One millisecond before an end of the generated ones, and at it.
            let late = Duration::from_millis(9_999 + late_by);
            prop_assert_eq!(theirs.decide(&request, late), decide(&ours, &request, late), "{}", document);
        }
    }
}

/// Directives reduced to the fields that the reference knows.
fn as_the_reference_has_them(mut directives: Vec<Directive<'static>>) -> Vec<Directive<'static>> {
    for directive in &mut directives {
        let target = &mut directive.target;
        for list in [&mut target.tenants, &mut target.indices, &mut target.principals] {
            if let Some(first) = list.as_slice().first() {
                *list = StrList::One(first.clone());
            }
        }
        target.endpoints = target.endpoints.iter().take(1).collect();
        target.labels.clear();
        directive.sampling.by = SampleBy::RequestId;
        directive.sampling.salt = None;
        directive.not_before = None;
        directive.suppress = false;
    }
    directives
}

/// The document with relative lifetimes: what ends ten seconds from now does so, the rest a second earlier.
fn document(directives: &[Directive<'_>]) -> String {
    let one = |directive: &Directive<'_>| {
        let mut json = serde_json::to_value(directive).expect("serializes");
        let fields = json.as_object_mut().expect("is an object");
        fields.remove("expires_at");
        let ttl_secs = if directive.expires_at == NOW.saturating_add_secs(10) { 10 } else { 9 };
        fields.insert("ttl_secs".to_string(), ttl_secs.into());
        json.to_string()
    };
    format!(r#"{{"directives":[{}]}}"#, directives.iter().map(one).collect::<Vec<_>>().join(","))
}

/// The reference knows no request without index, principal, endpoint and id.
fn with_every_fact(request: Request) -> Request {
    Request {
        index: request.index.or(Some("none".to_string())),
        principal: request.principal.or(Some("nobody".to_string())),
        endpoint: request.endpoint.or(Some("Cursor".to_string())),
        request_id: request.request_id.or(Some("r".to_string())),
        labels: Pairs::default(),
        ..request
    }
}

#[test]
fn the_vectors_of_compatibility_hold_on_the_reference() {
    let cases = vectors::all().into_iter().filter(|case| case.name.starts_with("compatibility/"));
    let mut asked = 0;
    for case in cases {
        let theirs =
            Reference::decode(&case.vector.body()).unwrap_or_else(|slug| panic!("{}: {slug}", case.name));
        for decided in case.vector.decisions.iter().flatten() {
            let now = decided.now.map_or(case.vector.anchor(), UnixMillis::new);
            let late = now.saturating_since(case.vector.anchor());
            let expected = without_id(decided.decision.clone());
            assert_eq!(
                theirs.decide(&decided.request, late),
                expected,
                "{}: {:?}",
                case.name,
                decided.request
            );
            asked += 1;
        }
    }
    assert!(asked >= 30, "only {asked} questions");
}

/// Where we refuse what the reference takes, it is because the reference misreads it, or bounds nothing.
#[test]
fn what_only_the_reference_takes_is_refused_for_known_reasons() {
    let misread = ["wrong_type", "duplicate_field"];
    let unbounded = [
        "bad_id",
        "duplicate_id",
        "empty_target",
        "target_too_long",
        "ttl_too_long",
        "body_too_large",
        "too_many_directives",
    ];
    let mut only_theirs = BTreeSet::new();
    for case in vectors::all() {
        let theirs = Reference::decode(&case.vector.body());
        match &case.vector.refused {
            Some(refused) if theirs.is_ok() => {
                only_theirs.insert(refused.reason.clone());
            }
            _ => {}
        }
    }
    let known: BTreeSet<String> = misread.iter().chain(&unbounded).map(|reason| reason.to_string()).collect();
    assert_eq!(only_theirs, known);
}

/// Where both refuse, a slug of the reference means what it means there. Ours may be a new one that says it more exactly.
/// Theirs may be that of another error: it reads all JSON before any field, and knows no field that is new.
#[test]
fn its_slugs_keep_their_meaning() {
    const SLUGS: [&str; 12] = [
        "invalid_json",
        "not_an_object",
        "unknown_field",
        "missing_directives",
        "missing_id",
        "missing_level",
        "unknown_level",
        "missing_ttl_secs",
        "zero_ttl",
        "bad_sample_rate",
        "bad_endpoint",
        "unknown_endpoint",
    ];
    let mut shared = BTreeSet::new();
    for case in vectors::all() {
        let (Some(refused), Err(theirs)) = (&case.vector.refused, Reference::decode(&case.vector.body()))
        else {
            continue;
        };
        let ours = refused.reason.as_str();
        if theirs == ours {
            shared.insert(theirs);
        } else {
            let another_error = ["invalid_json", "unknown_field"].contains(&theirs);
            assert!(another_error || !SLUGS.contains(&ours), "{}: {ours}, but there {theirs}", case.name);
        }
    }
    assert_eq!(shared, BTreeSet::from(SLUGS), "each is told by both of some vector");
}

/// A set as the reference holds it, decoded at the beginning of its clock.
struct Reference(osproxy_observe::DirectiveSet);

impl Reference {
    fn decode(body: &[u8]) -> Result<Self, &'static str> {
        decode_directive_set(body, &ManualClock::new()).map(Self)
    }

    /// Its three questions as one verdict; it does not say which directive decides.
    fn decide(&self, request: &Request, late: Duration) -> Verdict {
        let clock = ManualClock::new();
        clock.advance(late);
        let now = clock.now();
        let text = |fact: &Option<String>| fact.clone().expect("the reference needs every fact");
        let tenant = request.tenant.as_deref().map(PartitionId::from);
        let principal = PrincipalId::from(text(&request.principal).as_str());
        let attributes = RequestAttrs {
            tenant: tenant.as_ref(),
            index: &text(&request.index),
            principal: &principal,
            endpoint: EndpointKind::from_name(&text(&request.endpoint)).expect("is an endpoint"),
        };
        let id = RequestId::from(text(&request.request_id).as_str());
        Verdict {
            level: self.0.evaluate(&attributes, now, &id).as_str().to_string(),
            ring_buffer: self.0.wants_ring_buffer(&attributes, now, &id),
            capture: self.0.wants_capture(&attributes, now, &id),
            decided_by: None,
        }
    }
}

fn decide(set: &DirectiveSet, request: &Request, late: Duration) -> Verdict {
    let late = u64::try_from(late.as_millis()).expect("is short");
    let now = UnixMillis::new(NOW.as_u64().saturating_add(late));
    let decision = request.with_facts(|request| set.evaluate(request, now));
    Verdict {
        level: decision.level.to_string(),
        ring_buffer: decision.ring_buffer,
        capture: decision.capture,
        decided_by: None,
    }
}

fn without_id(verdict: Verdict) -> Verdict {
    Verdict { decided_by: None, ..verdict }
}
