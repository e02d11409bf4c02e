use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::*;
use crate::directive::StrList;
use crate::limits::{MAX_ANY_OF, MAX_DIRECTIVES, MAX_ENTRIES, MAX_ID_BYTES, MAX_LABELS, MAX_TARGET_BYTES};

const ANCHOR: UnixMillis = UnixMillis::new(1_000_000);

fn refusal(body: impl AsRef<[u8]>) -> (Reason, String, u32, u32) {
    let body = body.as_ref();
    let error = decode(body, ANCHOR).expect_err(&String::from_utf8_lossy(body.get(..200).unwrap_or(body)));
    (error.reason(), error.path().to_string(), error.line(), error.column())
}

fn one(fields: &str) -> String {
    alloc::format!(r#"{{"directives":[{{"id":"a","level":"Off","ttl_secs":1{fields}}}]}}"#)
}

#[test]
fn reads_every_field() {
    let body =
        br#"{"directives":[{"id":"a","level":"ShapeTiming","ttl_secs":60,"not_before":"1970-01-01T00:00:01Z",
        "tenant":"t","indices":["i","j"],"principals":["p"],"endpoints":["Search","Count"],
        "labels":{"env":"prod"},"sample_per_mille":250,"sample_by":"trace_id","salt":"s",
        "ring_buffer":true,"capture":true}]}"#;
    let directives = decode(body, ANCHOR).expect("is valid");
    let directive = directives.first().expect("holds one");
    assert_eq!(directive.expires_at, UnixMillis::new(1_060_000));
    assert_eq!(directive.not_before, Some(UnixMillis::new(1000)));
    assert_eq!(directive.target.tenants, StrList::One("t".into()));
    assert_eq!(directive.target.indices.len(), 2);
    assert_eq!(directive.target.principals, StrList::One("p".into()), "a list of one is one");
    assert_eq!(directive.target.labels, [("env".into(), "prod".into())]);
    assert!(directive.ring_buffer && directive.capture && !directive.suppress);
}

#[test]
fn what_is_read_and_written_reads_the_same() {
    let body =
        one(r#","tenants":["a","b"],"endpoint":"Unknown","labels":{"k\n":"v"},"suppress":true,"salt":"""#);
    let directives = decode(body.as_bytes(), ANCHOR).expect("is valid");
    let written = serde_json::to_string(&directives).expect("serializes");
    let again = alloc::format!(r#"{{"directives":{written}}}"#);
    assert_eq!(decode(again.as_bytes(), UnixMillis::new(5)).expect("is valid"), directives);
}

#[test]
fn a_refusal_says_where() {
    for (body, reason, path, line, column) in [
        ("", Reason::InvalidJson, "", 1, 1),
        ("[]", Reason::NotAnObject, "", 1, 1),
        ("\n {}", Reason::MissingDirectives, "", 2, 2),
        ("{\"directive\":[]}", Reason::UnknownField, "directive", 1, 2),
        ("{\"directives\":[]} x", Reason::TrailingData, "", 1, 19),
        ("{\"directives\":[],\n\"directives\":[]}", Reason::DuplicateField, "directives", 2, 1),
        ("{\"directives\":{}}", Reason::WrongType, "directives", 1, 15),
        ("{\"directives\":[1]}", Reason::NotAnObject, "directives[0]", 1, 16),
        ("{\"directives\":[{}]}", Reason::MissingId, "directives[0]", 1, 16),
        ("{\"directives\":[,]}", Reason::InvalidJson, "directives[0]", 1, 16),
        ("\u{feff}{}", Reason::InvalidJson, "", 1, 1),
        ("\n{\"a\nb\":1}", Reason::InvalidJson, "", 2, 4),
    ] {
        assert_eq!(refusal(body), (reason, path.to_string(), line, column), "{body}");
    }
}

#[test]
fn a_refusal_in_a_directive_names_the_field() {
    let start = u32::try_from(one("").len()).expect("is short") - 2;
    for (fields, reason, path, offset) in [
        (r#", "tennant":"x""#, Reason::UnknownField, "directives[0].tennant", 2),
        (r#","tenant":5"#, Reason::WrongType, "directives[0].tenant", 10),
        (r#","tenant":null"#, Reason::WrongType, "directives[0].tenant", 10),
        (r#","\u0069d":"b""#, Reason::DuplicateField, "directives[0].id", 1),
        (r#","tenants":["a",1]"#, Reason::WrongType, "directives[0].tenants[1]", 16),
        (r#","tenant":"a","tenants":["a"]"#, Reason::ConflictingTarget, "directives[0].tenants", 14),
        (r#","expires_at":"x""#, Reason::ConflictingExpiry, "directives[0].expires_at", 1),
        (r#","labels":{"a.b":1}"#, Reason::WrongType, r#"directives[0].labels["a.b"]"#, 17),
        (r#","labels":{"a":"x","a":"x"}"#, Reason::DuplicateField, "directives[0].labels.a", 19),
        (r#","endpoint":5"#, Reason::BadEndpoint, "directives[0].endpoint", 12),
        (r#","salt":[[[[[[]]]]]]"#, Reason::TooDeep, "directives[0].salt", 8),
        (r#","salt":[[[[["#, Reason::InvalidJson, "directives[0].salt", 13),
    ] {
        let (got, at, line, column) = refusal(one(fields));
        assert_eq!((got, at.as_str(), line), (reason, path, 1), "{fields}");
        assert_eq!(column, start + offset, "{fields}");
    }
}

#[test]
fn a_near_miss_gets_an_offer_and_no_value_is_told() {
    let error = decode(one(r#","tennant":"secret""#).as_bytes(), ANCHOR).expect_err("is refused");
    assert_eq!(error.help(), Some("did you mean `tenant`?"));
    let error = decode(one(r#","endpoint":"search""#).as_bytes(), ANCHOR).expect_err("is refused");
    assert_eq!(error.help(), Some("did you mean `Search`?"));
    let error = decode(one(r#","tenant":["secret"]"#).as_bytes(), ANCHOR).expect_err("is refused");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn limits_hold_at_the_limit_and_one_past_it() {
    let text = |bytes: usize| "x".repeat(bytes);
    let list = |len: usize| (0..len).map(|n| alloc::format!("\"{n}\"")).collect::<Vec<_>>().join(",");
    let labels = |len: usize| (0..len).map(|n| alloc::format!("\"{n}\":\"v\"")).collect::<Vec<_>>().join(",");
    let id = |bytes: usize| {
        alloc::format!(r#"{{"directives":[{{"id":"{}","level":"Off","ttl_secs":1}}]}}"#, text(bytes))
    };
    let tenant = |bytes: usize| one(&alloc::format!(r#","tenant":"{}""#, text(bytes)));
    let tenants = |len: usize| one(&alloc::format!(r#","tenants":[{}]"#, list(len)));
    let product =
        |a: usize, b: usize| one(&alloc::format!(r#","tenants":[{}],"indices":[{}]"#, list(a), list(b)));
    let labelled = |len: usize| one(&alloc::format!(r#","labels":{{{}}}"#, labels(len)));
    let salted = |bytes: usize| one(&alloc::format!(r#","salt":"{}""#, text(bytes)));
    let ttl = |secs: &str| one("").replace("\"ttl_secs\":1", &alloc::format!("\"ttl_secs\":{secs}"));
    for (good, bad, reason) in [
        (id(MAX_ID_BYTES), id(MAX_ID_BYTES + 1), Reason::BadId),
        (id(1), id(0), Reason::BadId),
        (tenant(MAX_TARGET_BYTES), tenant(MAX_TARGET_BYTES + 1), Reason::TargetTooLong),
        (tenant(1), tenant(0), Reason::EmptyTarget),
        (tenants(MAX_ANY_OF), tenants(MAX_ANY_OF + 1), Reason::TooManyTargets),
        (product(64, 16), product(64, 17), Reason::TooManyTargets),
        (labelled(MAX_LABELS), labelled(MAX_LABELS + 1), Reason::TooManyLabels),
        (salted(128), salted(129), Reason::SaltTooLong),
        (ttl("31536000"), ttl("31536001"), Reason::TtlTooLong),
        (ttl("1"), ttl("0"), Reason::ZeroTtl),
        (ttl("1"), ttl("99999999999999999999"), Reason::TtlTooLong),
        (ttl("1"), ttl("-1"), Reason::WrongType),
        (ttl("1"), ttl("1.0"), Reason::WrongType),
    ] {
        decode(good.as_bytes(), ANCHOR).expect("is at the limit");
        assert_eq!(refusal(bad).0, reason);
    }
}

#[test]
fn a_document_has_limits_as_a_whole() {
    let document = |count: usize, fields: &str| {
        let mut body = String::from(r#"{"directives":["#);
        for n in 0..count {
            let comma = if n == 0 { "" } else { "," };
            body.push_str(&alloc::format!(r#"{comma}{{"id":"{n}","level":"Off","ttl_secs":1{fields}}}"#));
        }
        body + "]}"
    };
    assert_eq!(
        decode(document(MAX_DIRECTIVES, "").as_bytes(), ANCHOR).expect("is at the limit").len(),
        MAX_DIRECTIVES
    );
    let (reason, path, ..) = refusal(document(MAX_DIRECTIVES + 1, ""));
    assert_eq!((reason, path.as_str()), (Reason::TooManyDirectives, "directives[200000]"));

    let values = (0..32).map(|n| alloc::format!("\"{n}\"")).collect::<Vec<_>>().join(",");
    let lists = alloc::format!(r#","tenants":[{values}],"indices":[{values}]"#);
    decode(document(MAX_ENTRIES / 1024, &lists).as_bytes(), ANCHOR).expect("is at the limit");
    assert_eq!(refusal(document(MAX_ENTRIES / 1024 + 1, &lists)).0, Reason::TooManyTargets);

    let mut body = one("").into_bytes();
    body.resize(MAX_BODY_BYTES, b' ');
    decode(&body, ANCHOR).expect("is at the limit");
    body.push(b' ');
    assert_eq!(refusal(body), (Reason::BodyTooLarge, String::new(), 1, 1));
}

#[test]
fn depth_is_judged_at_the_limit_and_one_past_it() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(refusal(nested(8)).0, Reason::NotAnObject);
    assert_eq!(refusal(nested(9)).0, Reason::TooDeep);
    assert_eq!(refusal(nested(10_000)), (Reason::TooDeep, String::new(), 1, 1));
    assert_eq!(refusal("[".repeat(10_000)).0, Reason::TooDeep);
    assert_eq!(refusal(r#"{"a":"#.repeat(10_000)).0, Reason::UnknownField);
}

#[test]
fn bytes_that_are_not_utf_8_are_refused() {
    let mut body = one(r#","tenant":"x""#).into_bytes();
    let at = body.iter().rposition(|&byte| byte == b'x').expect("is there");
    if let Some(byte) = body.get_mut(at) {
        *byte = 0xff;
    }
    assert_eq!(refusal(body).0, Reason::InvalidJson);
}
