//! The vectors on the engines that need nothing but this process, and what holds for the vectors themselves.
//! `BLESS=1` rewrites what they expect, for review.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on ends, saying why"
)]

use std::collections::BTreeSet;

use aldis_core::{Field, Reason, UnixMillis};
use rig::vectors::{self, Case, Engine, Image, Native, Refusal, Request, Verdict, differences};

#[test]
fn the_native_core_does_what_the_vectors_say() {
    let cases = vectors::all();
    if std::env::var_os("BLESS").is_some() {
        return vectors::bless(&mut Native::new(), &cases);
    }
    must_agree(&mut Native::new(), &cases);
}

#[test]
fn an_image_does_what_the_vectors_say() {
    must_agree(&mut Image::new(), &vectors::all());
}

fn must_agree(engine: &mut dyn Engine, cases: &[Case]) {
    let differences = differences(engine, cases);
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

/// An engine that is wrong in one small thing is found out.
#[test]
fn engines_that_lie_are_found_out() {
    type Lie = (&'static str, fn(&mut Refusal), fn(&mut Verdict), u64);
    let lies: [Lie; 6] = [
        ("column", |refusal| refusal.column += 1, |_| (), 0),
        ("help", |refusal| refusal.help = None, |_| (), 0),
        ("reason", |refusal| refusal.reason = "wrong_type".to_string(), |_| (), 0),
        ("flag", |_| (), |verdict| verdict.capture = false, 0),
        ("decided_by", |_| (), |verdict| verdict.decided_by = None, 0),
        ("clock", |_| (), |_| (), 1),
    ];
    let mut cases = vectors::all();
    cases.retain(|case| case.vector.body().len() < 10_000);
    for (what, refuse, decide, late_by) in lies {
        let mut liar = Liar { honest: Native::new(), refuse, decide, late_by };
        assert!(!differences(&mut liar, &cases).is_empty(), "a wrong {what} passes");
    }
}

/// The core, with a mistake.
struct Liar {
    honest: Native,
    refuse: fn(&mut Refusal),
    decide: fn(&mut Verdict),
    late_by: u64,
}

impl Engine for Liar {
    fn name(&self) -> &str {
        "liar"
    }

    fn load(&mut self, document: &[u8], anchor: UnixMillis) -> Result<(), Refusal> {
        self.honest.load(document, anchor).map_err(|mut refusal| {
            (self.refuse)(&mut refusal);
            refusal
        })
    }

    fn decide(&mut self, request: &Request, now: UnixMillis) -> Verdict {
        let late = UnixMillis::new(now.as_u64().saturating_add(self.late_by));
        let mut verdict = self.honest.decide(request, late);
        (self.decide)(&mut verdict);
        verdict
    }
}

#[test]
fn every_reason_has_a_vector() {
    let cases = vectors::all();
    let refused: BTreeSet<&str> = cases
        .iter()
        .filter_map(|case| case.vector.refused.as_ref())
        .map(|refused| &*refused.reason)
        .collect();
    let reasons: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(refused, reasons);
}

/// A field that the decoder knows and no vector uses would be a field without a meaning.
#[test]
fn every_field_is_taken_and_refused_by_a_vector() {
    let (mut taken, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for case in vectors::all() {
        match &case.vector.refused {
            Some(refusal) => {
                let field = refusal.path.split_once("].").map(|(_, field)| field.split(['[', '.']).next());
                refused.extend(field.flatten().map(str::to_string));
            }
            None => taken.extend(fields(&case.vector.body())),
        }
    }
    let all: BTreeSet<String> = Field::ALL.iter().map(|field| field.to_string()).collect();
    assert_eq!(taken, all, "fields of documents that are taken");
    assert!(refused.is_superset(&all), "never refused: {:?}", all.difference(&refused));
}

/// The fields of a document's directives.
fn fields(body: &[u8]) -> BTreeSet<String> {
    let document: serde_json::Value = serde_json::from_slice(body).expect("what is taken is JSON");
    let directives = document["directives"].as_array().expect("is an array");
    directives.iter().flat_map(|one| one.as_object().expect("is an object").keys().cloned()).collect()
}

#[test]
fn there_are_hits_and_misses_and_sets_on_both_sides_of_the_threshold() {
    let cases = vectors::all();
    assert!(cases.len() >= 400, "only {} vectors", cases.len());
    let (mut hits, mut misses, mut small, mut large) = (0, 0, 0, 0);
    for case in cases.iter().filter(|case| case.vector.refused.is_none()) {
        let decisions = case.vector.decisions.iter().flatten();
        let hit = decisions.clone().filter(|decided| decided.decision.decided_by.is_some()).count();
        hits += hit;
        misses += decisions.count() - hit;
        let body = case.vector.body();
        let directives = aldis_core::decode(&body, case.vector.anchor()).expect("is taken").len();
        *(if directives <= 4 { &mut small } else { &mut large }) += 1;
    }
    assert!(hits > 300 && misses > 300, "{hits} hits, {misses} misses");
    assert!(small > 100 && large > 100, "{small} small sets, {large} large ones");
}

#[test]
fn what_a_vector_may_not_hold_is_refused() {
    let good = r#"{"about":"x","document":{"directives":[]},"decisions":[{"request":{},"now":1,
        "decision":{"level":"Off","ring_buffer":false,"capture":false,"decided_by":null}}]}"#;
    vectors::parse(good).expect("is a vector");
    for (from, to) in [
        ("\"about\"", "\"abuot\""),
        ("\"request\":{}", "\"request\":{\"tennant\":\"x\"}"),
        ("\"now\"", "\"when\""),
        ("\"capture\":false", "\"capture\":false,\"reason\":\"x\""),
        (",\"decided_by\":null", ""),
        (
            "\"decisions\"",
            "\"refused\":{\"reason\":\"x\",\"path\":\"\",\"line\":1,\"column\":1},\"decisions\"",
        ),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(bad, good, "{from} is there");
        assert!(vectors::parse(&bad).is_err(), "{bad}");
    }
    assert!(vectors::parse(r#"{"about":"neither refused nor decisions","document":{}}"#).is_err());
    let parts = good.replace(r#""document":{"directives":[]}"#, r#""parts":[{"text":"x","times":2}]"#);
    vectors::parse(&parts).expect("is a vector");
    assert!(vectors::parse(&parts.replace("times", "tiems")).is_err());
}

#[test]
fn the_description_of_the_format_is_a_vector_itself() {
    let cases = vectors::all();
    let described =
        cases.iter().find(|case| case.name == "README.md").expect("its example runs with the others");
    must_agree(&mut Native::new(), std::slice::from_ref(described));
    let mut wrong = described.clone();
    wrong.vector.decisions.iter_mut().flatten().for_each(|decided| decided.decision.capture = true);
    assert_eq!(differences(&mut Native::new(), &[wrong]).len(), 3, "a wrong example passes");
}

/// What is expected wrongly is set right, in the file and nowhere else; what a vector shows stays.
#[test]
fn bless_writes_what_the_engine_says() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    for name in ["flags/of_off_alone.json", "refusals/empty_tenant.json"] {
        let mut case = vectors::all().into_iter().find(|case| case.name == name).expect("is there");
        let right = std::fs::read_to_string(&case.path).expect("was read before");
        let wrong =
            right.replace("true, \"capture\"", "false, \"capture\"").replace("empty_target", "bad_id");
        assert_ne!(wrong, right);
        case.vector = vectors::parse(&wrong).expect("is a vector");
        case.path = folder.path().join("vector.json");
        vectors::bless(&mut Native::new(), &[case.clone()]);
        assert_eq!(std::fs::read_to_string(&case.path).expect("was written"), right);
    }
}

/// So that the difference after `BLESS=1` shows changed expectations and nothing else.
#[test]
fn each_file_stands_as_bless_would_write_it() {
    for case in vectors::all().iter().filter(|case| case.name != "README.md") {
        let text = std::fs::read_to_string(&case.path).expect("was read before");
        assert!(vectors::written(&case.vector) == text, "{}: run the tests with BLESS=1", case.name);
    }
}
