//! What both take means the same.

use std::collections::BTreeSet;

use aldis_core::{DirectiveSet, UnixMillis};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};
use proptest::sample::select;
use rig::generate::{self, NOW};
use rig::vectors::{self, Verdict};

use crate::document::{LATE, documents};
use crate::reference::{Reference, decide, with_every_fact};

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_documents_mean_the_same(
        document in documents(),
        requests in vec(generate::request(), 4),
        late in select(&LATE[..]),
    ) {
        let document = document.text();
        let ours = DirectiveSet::decode(document.as_bytes(), NOW).expect("keeps our rules");
        let theirs = Reference::decode(document.as_bytes()).expect("keeps their rules");
        for request in requests.into_iter().map(with_every_fact) {
            prop_assert_eq!(theirs.decide(&request, late), decide(&ours, &request, late), "{}", document);
        }
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

fn without_id(verdict: Verdict) -> Verdict {
    Verdict { decided_by: None, ..verdict }
}
