//! The evaluator, the explanation and the naive model agree on whatever is generated, and an image is what its directives
//! make of it, always.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends, saying why")]

use aldis_core::{Decision, Directive, DirectiveSet, FactSet, Outcome, Request, StrList, UnixMillis};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};
use rig::generate::{self, NOW, directives, near, seeded};
use rig::model;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Around the size up to which sets are walked rather than probed.
    #[test]
    fn evaluate_explain_and_the_model_agree_on_small_sets(
        directives in directives(0..=9),
        requests in vec(generate::request(), 4),
        now in near(),
    ) {
        let set = set(&directives);
        for request in &requests {
            let _ = request.with_facts(|request| agree(&set, &directives, request, now));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_directives_give_the_same_image_by_every_way(directives in directives(0..=9)) {
        let set = set(&directives);
        let read: Vec<_> = set.iter().collect();
        prop_assert_eq!(&read, &directives);
        prop_assert_eq!(&DirectiveSet::from_directives(read).expect("compiles"), &set);
        prop_assert_eq!(&DirectiveSet::from_image(set.as_image()).expect("is an image"), &set);

        let document = format!(r#"{{"directives":{}}}"#, serde_json::to_string(&directives).expect("serializes"));
        let elsewhen = UnixMillis::new(5);
        prop_assert_eq!(&aldis_core::decode(document.as_bytes(), elsewhen).expect("decodes"), &directives);
        prop_assert_eq!(&DirectiveSet::decode(document.as_bytes(), elsewhen).expect("decodes"), &set);
    }

    #[test]
    fn the_image_knows_its_ends(directives in directives(0..=9)) {
        let set = set(&directives);
        prop_assert_eq!(set.earliest_expiry(), directives.iter().map(|directive| directive.expires_at).min());
        prop_assert_eq!(set.latest_expiry(), directives.iter().map(|directive| directive.expires_at).max());
        prop_assert_eq!(set.len(), directives.len());
    }
}

#[test]
fn evaluate_explain_and_the_model_agree_on_large_sets() {
    for (seed, (count, requests)) in (0..).zip([(50, 400), (300, 200), (3000, 60)]) {
        let directives = spread(seeded(&directives(count), seed));
        let set = set(&directives);
        let mut decided = 0;
        for (place, mut request) in seeded(&vec(generate::request(), requests), seed).into_iter().enumerate()
        {
            request.labels.0.push(("slice".to_string(), slice(place)));
            let decision = request.with_facts(|request| agree(&set, &directives, request, NOW));
            decided += usize::from(decision.decided_by.is_some());
        }
        assert!(
            decided * 4 > requests,
            "only {decided} of {requests} are decided: that they agree says little"
        );
    }
}

/// As many as a document may have. The model takes a second for each request, so that there are few.
#[test]
fn evaluate_and_the_model_agree_on_the_largest_set() {
    let mut directives = spread(seeded(&directives(2000), 9).into_iter().cycle().take(200_000).collect());
    for (place, directive) in directives.iter_mut().enumerate() {
        // Every tenth stays as it is, so that many have the same key; the others are told apart by their tenant.
        directive.suppress &= place % 1000 == 0;
        if place % 10 != 0 {
            directive.target.tenants = StrList::One(format!("t{place}").into());
        }
    }
    let set = set(&directives);
    for (place, mut request) in seeded(&vec(generate::request(), 12), 9).into_iter().enumerate() {
        let aimed = place * 16_661 + 1;
        request.labels.0.push(("slice".to_string(), slice(aimed)));
        request.tenant = if place % 3 == 0 { request.tenant } else { Some(format!("t{aimed}")) };
        request.with_facts(|request| {
            assert_eq!(set.evaluate(request, NOW), model::decide(&directives, request, NOW), "{request:?}");
        });
    }
}

/// Gives most directives one more label, so that few of many apply to one request: of many that do, one would always
/// suppress, and the first of the highest level would always decide.
fn spread(mut directives: Vec<Directive<'static>>) -> Vec<Directive<'static>> {
    for (place, directive) in directives.iter_mut().enumerate() {
        directive.suppress &= place % 8 == 0;
        if place % 32 != 0 {
            directive.target.labels.push(("slice".into(), slice(place).into()));
        }
    }
    directives
}

fn slice(place: usize) -> String {
    (place % 20).to_string()
}

fn set(directives: &[Directive<'_>]) -> DirectiveSet {
    DirectiveSet::from_directives(directives.iter().cloned()).expect("what is generated keeps the rules")
}

/// Asks all three and wants one answer.
fn agree(
    set: &DirectiveSet,
    directives: &[Directive<'_>],
    request: &Request<'_>,
    now: UnixMillis,
) -> Decision {
    let expected = model::decide(directives, request, now);
    let evaluated = set.evaluate(request, now);
    assert_eq!(evaluated, expected, "evaluate: {directives:#?} {request:?} at {now}");
    let asked = FactSet::of_image(set.as_image()).expect("is an image");
    assert_eq!(
        set.evaluate(&request.only(asked), now),
        expected,
        "{asked:?}: {directives:#?} {request:?} at {now}"
    );
    let applying: Vec<bool> =
        set.explain(request, now).map(|explained| explained.outcome == Outcome::Applies).collect();
    let modelled: Vec<bool> =
        directives.iter().map(|directive| model::applies(directive, request, now)).collect();
    assert_eq!(applying, modelled, "explain: {directives:#?} {request:?} at {now}");
    evaluated
}
