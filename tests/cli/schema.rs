//! `aldis schema`: what the decoder takes is valid by the schema, and of what it refuses, all that a schema can refuse is
//! not.

use std::collections::BTreeSet;

use aldis_core::{Reason, UnixMillis, decode};
use jsonschema::Validator;
use proptest::prelude::{ProptestConfig, prop_assert, proptest};
use rig::generate::{self, NOW};
use rig::vectors::{self, Case};
use serde_json::{Value, json};

use crate::aldis::aldis;

/// What the schema says in full: each vector that is refused for it is invalid.
const SAID: [Reason; 18] = [
    Reason::NotAnObject,
    Reason::UnknownField,
    Reason::MissingDirectives,
    Reason::MissingId,
    Reason::MissingLevel,
    Reason::UnknownLevel,
    Reason::MissingTtlSecs,
    Reason::ZeroTtl,
    Reason::TtlTooLong,
    Reason::ConflictingExpiry,
    Reason::BadEndpoint,
    Reason::UnknownEndpoint,
    Reason::EmptyTarget,
    Reason::ConflictingTarget,
    Reason::TooManyLabels,
    Reason::TooManyDirectives,
    Reason::UnknownSampleBy,
    Reason::SuppressLevel,
];

#[test]
fn the_schema_is_one_and_both_formats_print_it() {
    let schema = schema();
    assert!(jsonschema::meta::is_valid(&schema));
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let run = aldis(&["schema"]);
    assert_eq!((run.code, serde_json::from_str::<Value>(&run.out).ok()), (0, Some(schema.clone())));
    let twin = with(&schema, "/properties/directives/type", json!("objekt"));
    assert!(!jsonschema::meta::is_valid(&twin), "a schema that is none passes");
}

#[test]
fn what_the_vectors_take_is_valid_and_what_a_schema_can_refuse_is_not() {
    assert_eq!(differences(&schema(), &vectors::all()), [""; 0]);
}

/// Each is refused for a reason that no schema can give, or not in every case.
#[test]
fn what_is_left_to_the_decoder_is_known() {
    let e = |times| "\u{e9}".repeat(times);
    let list = |count| json!((0..count).map(|n| n.to_string()).collect::<Vec<_>>());
    let left = [
        // Whole numbers, to a schema.
        (Reason::WrongType, json!([{"id": "a", "level": "Off", "ttl_secs": 60.0}])),
        (Reason::BadSampleRate, json!([{"id": "a", "level": "Off", "ttl_secs": 1, "sample_per_mille": 1e2}])),
        // No such day.
        (Reason::BadTimestamp, json!([{"id": "a", "level": "Off", "expires_at": "2027-02-30T00:00:00Z"}])),
        // Fewer characters than bytes.
        (Reason::BadId, json!([{"id": e(128), "level": "Off", "ttl_secs": 1}])),
        (Reason::TargetTooLong, json!([{"id": "a", "level": "Off", "ttl_secs": 1, "tenant": e(256)}])),
        (Reason::SaltTooLong, json!([{"id": "a", "level": "Off", "ttl_secs": 1, "salt": e(128)}])),
        // Several lists, or several directives, together.
        (
            Reason::TooManyTargets,
            json!([{"id": "a", "level": "Off", "ttl_secs": 1, "tenants": list(64), "indices": list(17)}]),
        ),
        (
            Reason::DuplicateId,
            json!([{"id": "a", "level": "Off", "ttl_secs": 1}, {"id": "a", "level": "Shape", "ttl_secs": 1}]),
        ),
    ];
    let validator = jsonschema::validator_for(&schema()).expect("is a schema");
    let mut known: BTreeSet<Reason> = SAID.into();
    for (reason, directives) in left {
        let document = json!({ "directives": directives });
        let refused = decode(document.to_string().as_bytes(), NOW).map(drop).map_err(|error| error.reason());
        assert_eq!(refused, Err(reason));
        assert!(validator.is_valid(&document), "{reason} is not left to the decoder: {document}");
        assert!(known.insert(reason), "{reason} is said in full, or stands there twice");
    }
    // Of the bytes, not of the values.
    known.extend([Reason::InvalidJson, Reason::BodyTooLarge, Reason::TooDeep, Reason::TrailingData]);
    known.insert(Reason::DuplicateField);
    assert_eq!(known, Reason::ALL.iter().copied().collect());
}

/// The twins: a schema that lacks one word judges some vector otherwise, so no word of it stands there untested.
#[test]
fn each_word_of_the_schema_is_needed_by_a_vector() {
    let (schema, cases) = (schema(), small_cases());
    let judged = invalid(&schema, &cases);
    let mut words = Vec::new();
    collect_words(&schema, String::new(), &mut words);
    assert!(words.len() > 80, "only {} words", words.len());
    let unneeded: Vec<&String> =
        words.iter().filter(|word| invalid(&without(&schema, word), &cases) == judged).collect();
    assert_eq!(
        unneeded,
        [
            // What is no object lacks the end as well; but then that is what an editor would say.
            "/properties/directives/items/type",
            // The vector is too large to be judged a hundred times.
            "/properties/directives/maxItems",
        ]
    );
}

#[test]
fn a_schema_that_asks_for_too_much_is_found_out() {
    let cases = small_cases();
    for (at, too_much) in [
        ("/properties/directives/minItems", json!(1)),
        ("/properties/directives/items/properties/id/maxLength", json!(127)),
        ("/properties/directives/items/properties/level/enum", json!(["Off", "Shape", "ShapeTiming"])),
        ("/properties/directives/items/properties/ttl_secs/maximum", json!(31_535_999)),
        ("/properties/directives/items/properties/expires_at/pattern", json!("Z$")),
        ("/properties/directives/items/properties/tenants/uniqueItems", json!(true)),
        ("/properties/directives/items/properties/labels/maxProperties", json!(15)),
        ("/properties/directives/items/properties/salt/minLength", json!(1)),
    ] {
        assert!(!differences(&with(&schema(), at, too_much), &cases).is_empty(), "{at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_generated_is_valid(directives in generate::directives(0..=9)) {
        let schema = SCHEMA.with(Clone::clone);
        let document = json!({ "directives": directives });
        prop_assert!(with_formats(&schema).is_valid(&document), "{}", document);
    }
}

/// Points all over the range that RFC 3339 can write, and past it, in every spelling of the offset.
#[test]
fn every_timestamp_that_is_read_is_valid() {
    let (validator, mut rng) = (with_formats(&schema()), fastrand::Rng::with_seed(1));
    let mut read = 0;
    for _ in 0..10_000 {
        let mut two = |below: u32| format!("{:02}", rng.u32(..below));
        let (month, day, hour, minute, second) = (two(14), two(33), two(25), two(61), two(61));
        let offset = [
            format!("+{}:{}", two(25), two(61)),
            format!("-{}:{}", two(25), two(61)),
            "Z".into(),
            "z".into(),
        ];
        let offset = rng.choice(&offset).expect("there are some");
        let year = rng.choice([1968, 1969, 1970, 1999, 2027, 9999]).expect("there are some");
        let fraction = rng.choice(["", ".5", ".123456789", ".1234567890", "."]).expect("there are some");
        let letter = rng.choice(["T", "t", " "]).expect("there are some");
        let text = format!("{year}-{month}-{day}{letter}{hour}:{minute}:{second}{fraction}{offset}");
        if UnixMillis::parse_rfc3339(&text).is_some() {
            let document = json!({"directives": [{"id": "a", "level": "Off", "expires_at": text}]});
            assert!(validator.is_valid(&document), "{text}");
            read += 1;
        }
    }
    assert!(read > 500, "only {read} are read");
}

thread_local! {
    static SCHEMA: Value = schema();
}

fn schema() -> Value {
    aldis(&["schema", "--format", "json"]).json()
}

/// Formats are remarks to a validator, unless it is told to check them; editors do.
fn with_formats(schema: &Value) -> Validator {
    jsonschema::options().should_validate_formats(true).build(schema).expect("is a schema")
}

/// A line for each vector that the schema misjudges.
fn differences(schema: &Value, cases: &[Case]) -> Vec<String> {
    let validator = with_formats(schema);
    let mut differences = Vec::new();
    for (case, document) in cases.iter().filter_map(|case| Some((case, json(case)?))) {
        let refused = case.vector.refused.as_ref();
        match (refused.and_then(|refused| Reason::from_name(&refused.reason)), validator.validate(&document))
        {
            (None, Err(error)) => differences.push(format!("{} is taken, but {error}", case.name)),
            (Some(reason), Ok(())) if SAID.contains(&reason) => {
                differences.push(format!("{} is refused for {reason}, and valid", case.name));
            }
            _ => {}
        }
    }
    differences
}

/// Which vectors are invalid.
fn invalid<'c>(schema: &Value, cases: &'c [Case]) -> BTreeSet<&'c str> {
    let validator = jsonschema::validator_for(schema).expect("is a schema");
    let judged =
        cases.iter().filter(|case| json(case).is_some_and(|document| !validator.is_valid(&document)));
    judged.map(|case| case.name.as_str()).collect()
}

/// The document as an editor sees it, if it is JSON.
fn json(case: &Case) -> Option<Value> {
    serde_json::from_slice(&case.vector.body()).ok()
}

fn small_cases() -> Vec<Case> {
    vectors::all().into_iter().filter(|case| case.vector.body().len() < 10_000).collect()
}

/// The places of all words that a document can break.
fn collect_words(schema: &Value, at: String, words: &mut Vec<String>) {
    const REMARKS: [&str; 5] = ["$schema", "title", "description", "default", "format"];
    match schema {
        Value::Object(entries) => {
            for (name, value) in entries.iter().filter(|(name, _)| !REMARKS.contains(&name.as_str())) {
                let at = format!("{at}/{name}");
                collect_words(value, at.clone(), words);
                words.push(at);
            }
        }
        Value::Array(items) if items.iter().all(Value::is_object) => {
            for (place, item) in items.iter().enumerate() {
                collect_words(item, format!("{at}/{place}"), words);
            }
        }
        _ => {}
    }
}

fn without(schema: &Value, word: &str) -> Value {
    let (parent, name) = word.rsplit_once('/').expect("begins with a slash");
    let mut schema = schema.clone();
    let entries = schema.pointer_mut(parent).and_then(Value::as_object_mut);
    entries.expect("is an object").remove(name).expect("is there");
    schema
}

fn with(schema: &Value, word: &str, value: Value) -> Value {
    let (parent, name) = word.rsplit_once('/').expect("begins with a slash");
    let mut schema = schema.clone();
    let entries = schema.pointer_mut(parent).and_then(Value::as_object_mut);
    entries.expect("is an object").insert(name.to_string(), value);
    schema
}
