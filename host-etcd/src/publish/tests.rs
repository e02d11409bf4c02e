use super::*;
use crate::kv::memory::MemoryKv;

const NOW: UnixMillis = UnixMillis::new(1_795_183_500_000);

fn draft(document: &str) -> Result<Draft<'_>, PublishError> {
    Draft::new(document.as_bytes(), NOW, Lifetimes::Absolute, FleetWide::Refused)
}

fn entry(body: &[u8]) -> KvEntry {
    KvEntry { key: "k".into(), value: body.to_vec().into(), mod_revision: Revision::new(7) }
}

fn directive(id: &str, rest: &str) -> String {
    format!(r#"{{"directives":[{{"id":"{id}","level":"Shape",{rest}}}]}}"#)
}

fn kinds(document: &str) -> Vec<&'static str> {
    let directives = decode(document.as_bytes(), NOW).expect("is valid");
    warnings(&directives, NOW).iter().map(|warning| warning.kind.as_str()).collect()
}

#[test]
fn lifetimes_are_written_as_points_in_time() {
    let document = directive("a", r#""ttl_secs":60,"tenant":"x","sample_per_mille":1000,"capture":false"#);
    let written = String::from_utf8(draft(&document).expect("is valid").body).expect("text");
    let expected = r#"{"id":"a","level":"Shape","expires_at":"2026-11-20T14:06:00Z","tenant":"x"}"#;
    assert_eq!(written, format!("{{\"directives\":[\n{expected}\n]}}\n"));
    let again = Draft::new(written.as_bytes(), UnixMillis::new(0), Lifetimes::Absolute, FleetWide::Refused);
    assert_eq!(again.expect("is valid").body(), written.as_bytes(), "a second pass changes nothing");
    assert_eq!(draft(r#" {"directives": []} "#).expect("is valid").body(), EMPTY_DOCUMENT);
}

#[test]
fn for_the_reference_the_bytes_stay_as_they_are() {
    let document = directive("a", r#""ttl_secs":60,  "tenant":"x""#);
    let draft = Draft::new(document.as_bytes(), NOW, Lifetimes::AsWritten, FleetWide::Refused);
    assert_eq!(draft.expect("is valid").body(), document.as_bytes());
}

#[test]
fn what_has_no_target_must_be_meant() {
    let document = r#"{"directives":[{"id":"all","level":"Off","suppress":true,"ttl_secs":9}]}"#;
    assert_eq!(draft(document).map(drop), Err(PublishError::FleetWide(vec!["all".to_owned()])));
    assert!(Draft::new(document.as_bytes(), NOW, Lifetimes::Absolute, FleetWide::Meant).is_ok());
    for target in [r#""labels":{"a":"b"}"#, r#""endpoints":["Search"]"#, r#""indices":["i"]"#] {
        assert!(draft(&directive("a", &format!(r#""ttl_secs":9,{target}"#))).is_ok(), "{target}");
    }
}

#[test]
fn a_document_that_is_refused_says_where() {
    let document = directive("a", r#""ttl_secs":60,"tennant":"x""#);
    let error = draft(&document).expect_err("is refused").to_string();
    assert!(error.contains("1:") && error.contains("tennant") && error.contains("unknown_field"), "{error}");
}

#[test]
fn what_is_new_must_not_have_expired_and_what_is_old_may() {
    let past = directive("a", r#""expires_at":"2026-11-20T14:04:59Z","tenant":"x""#);
    let draft = draft(&past).expect("is valid");
    let expired = Err(PublishError::Expired(vec!["a".to_owned()]));
    assert_eq!(draft.plan(None), expired);
    assert_eq!(draft.plan(Some(&entry(b"malformed"))), expired);
    assert_eq!(draft.plan(Some(&entry(directive("a", r#""ttl_secs":9,"tenant":"x""#).as_bytes()))), expired);
    let plan = draft.plan(Some(&entry(past.as_bytes()))).expect("is as before");
    assert_eq!(plan, Plan { replaces: Revision::new(7), difference: Some(Difference::default()) });
}

#[test]
fn what_is_old_may_be_spelled_otherwise_and_have_expired() {
    let past = |targets| directive("a", &format!(r#""expires_at":"2026-11-20T14:04:59Z",{targets}"#));
    let published = past(r#""tenants":["x","y"],"labels":{"a":"1","b":"2"}"#);
    let again = past(r#""labels":{"b":"2","a":"1"},"tenants":["y","x","y"]"#);
    let plan = draft(&again).expect("is valid").plan(Some(&entry(published.as_bytes())));
    assert_eq!(plan.expect("means the same").difference, Some(Difference::default()));
}

#[test]
fn the_difference_names_ids_and_parts() {
    let before = r#"{"directives":[{"id":"a","level":"Shape","ttl_secs":60,"tenant":"x"},
        {"id":"b","level":"Shape","ttl_secs":60,"tenant":"x"},{"id":"c","level":"Shape","ttl_secs":60,"tenant":"x"}]}"#;
    let after = r#"{"directives":[{"id":"n","level":"Shape","ttl_secs":60,"tenant":"x"},
        {"tenant":"y","id":"b","level":"ShapeTiming","ttl_secs":60},{"id":"a","level":"Shape","ttl_secs":60,"tenant":"x"}]}"#;
    let plan = draft(after).expect("is valid").plan(Some(&entry(before.as_bytes()))).expect("a plan");
    let difference = plan.difference.expect("both are valid");
    assert_eq!((difference.added, difference.removed), (vec!["n".to_owned()], vec!["c".to_owned()]));
    assert_eq!(difference.changed, [Change { id: "b".to_owned(), fields: vec!["level", "target"] }]);
}

#[tokio::test]
async fn publishing_compares_and_swaps() {
    let (kv, key) = (MemoryKv::new(), Key::from("k"));
    let document = directive("a", r#""ttl_secs":60,"tenant":"x""#);
    let draft = draft(&document).expect("is valid");
    let (_, first) = plan(&kv, &key, &draft, Some(Revision::ZERO)).await.expect("a plan");
    let revision = commit(&kv, &key, draft.body(), first.replaces).await.expect("published");
    let conflict = KvError::Conflict { key: key.clone(), expected: Revision::ZERO, actual: revision };
    assert_eq!(commit(&kv, &key, draft.body(), first.replaces).await, Err(conflict.clone()));
    assert_eq!(plan(&kv, &key, &draft, Some(Revision::ZERO)).await.map(drop), Err(conflict.into()));
    let (_, second) = plan(&kv, &key, &draft, None).await.expect("a plan");
    assert_eq!((second.replaces, second.difference), (revision, Some(Difference::default())));
}

#[test]
fn warnings_say_what_is_legal_and_probably_not_meant() {
    for (rest, expected) in [
        (r#""ttl_secs":60,"tenant":"x""#, vec![]),
        (r#""ttl_secs":60"#, vec!["fleet_wide"]),
        (r#""ttl_secs":60,"capture":true,"index":"i""#, vec!["capture_without_tenant"]),
        (r#""ttl_secs":60,"capture":true,"tenants":["i"]"#, vec![]),
        (r#""ttl_secs":9,"tenant":"x""#, vec!["expires_soon"]),
        (r#""expires_at":"2026-11-20T14:05:00Z","tenant":"x""#, vec!["expired"]),
        (r#""expires_at":"2027-11-20T14:05:00.001Z","tenant":"x""#, vec!["expires_late"]),
        (r#""ttl_secs":60,"tenant":"x","not_before":"2026-11-20T14:06:00Z""#, vec!["never_applies"]),
        (r#""ttl_secs":60,"tenant":"x","sample_per_mille":0"#, vec!["samples_nothing"]),
    ] {
        assert_eq!(kinds(&directive("a", rest)), expected, "{rest}");
    }
    let off = r#"{"directives":[{"id":"a","level":"Off","ttl_secs":60,"tenant":"x"}]}"#;
    assert_eq!(kinds(off), ["no_effect"]);
}

#[test]
fn a_directive_is_shadowed_by_an_earlier_one_that_does_all_it_does() {
    let two = |first: &str, second: &str| {
        let one = |id: &str, rest: &str| format!(r#"{{"id":"{id}","tenant":"x",{rest}}}"#);
        kinds(&format!(r#"{{"directives":[{},{}]}}"#, one("a", first), one("b", second)))
    };
    let shape = r#""level":"Shape","ttl_secs":60"#;
    assert_eq!(two(shape, shape), ["shadowed"]);
    assert_eq!(two(r#""level":"ShapeTiming","ttl_secs":90"#, shape), ["shadowed"]);
    assert_eq!(two(shape, r#""level":"ShapeTiming","ttl_secs":60"#), [""; 0]);
    assert_eq!(two(shape, r#""level":"Shape","ttl_secs":61"#), [""; 0]);
    assert_eq!(two(shape, r#""level":"Shape","ttl_secs":60,"ring_buffer":true"#), [""; 0]);
    assert_eq!(two(shape, r#""level":"Shape","ttl_secs":60,"sample_per_mille":10"#), [""; 0]);
}
