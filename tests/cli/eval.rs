//! `aldis eval` on files.

use serde_json::{Value, json};

use super::Scratch;
use crate::aldis::{aldis, aldis_reading};

const DOCUMENT: &str = r#"{"directives":[
    {"id":"acme","level":"Shape","ttl_secs":60,"tenant":"acme","ring_buffer":true},
    {"id":"eu","level":"ShapeTiming","expires_at":"2026-11-20T14:06:00Z","labels":{"region":"eu=1"},"endpoint":"Search"},
    {"id":"some","level":"ShapeRewriteDiff","ttl_secs":60,"principal":"p","sample_per_mille":1,"capture":true}]}"#;
const NOW: &str = "--now=2026-11-20T14:05:00Z";

fn decide(arguments: &[&str]) -> Value {
    let all = [&["eval", "-", "--format", "json"], arguments].concat();
    let run = aldis_reading(DOCUMENT.as_bytes(), &all);
    assert_eq!(run.code, 0, "{}", run.err);
    run.json()
}

#[test]
fn a_decision_has_a_stable_shape() {
    let mut decision = decide(&[NOW, "--tenant", "acme"]);
    let digest = decision["digest"].take();
    assert_eq!(digest.as_str().map(str::len), Some(64));
    assert_eq!(
        decision,
        json!({"level": "Shape", "ring_buffer": true, "capture": false, "decided_by": "acme", "revision": null,
            "digest": null})
    );
    assert_eq!(decide(&[NOW])["decided_by"], Value::Null);
}

#[test]
fn both_engines_decide_and_explain_the_same() {
    let requests: [&[&str]; 5] = [
        &["--tenant", "acme"],
        &["--tenant", "acme", "--label", "region=eu=1", "--endpoint", "Search"],
        &["--principal", "p", "--request-id", "r-1"],
        &["--index", "none", "--trace-id", "t"],
        &["--tenant", "acme", "--now", "2026-11-20T14:06:00Z", "--anchor", "2026-11-20T14:05:00Z"],
    ];
    for request in requests {
        let with = |engine| {
            let own_time = request.contains(&"--now");
            let time = if own_time { &[][..] } else { &[NOW][..] };
            decide(&[request, time, &["--explain", "--engine", engine]].concat())
        };
        let (native, wasm) = (with("native"), with("wasm"));
        assert_eq!(native, wasm, "{request:?}");
        assert_eq!(native["explain"].as_array().map(Vec::len), Some(3));
    }
}

#[test]
fn an_explanation_says_why_not() {
    let explained = decide(&[NOW, "--tenant", "beta", "--principal", "p", "--request-id", "r", "--explain"]);
    assert_eq!(explained["explain"][0], json!({"id": "acme", "applies": false, "why": "tenant"}));
    assert_eq!(explained["explain"][1], json!({"id": "eu", "applies": false, "why": "endpoint"}));
    assert!(explained["explain"][2]["why"].as_str().expect("not sampled").starts_with("bucket "));
    let run = aldis_reading(DOCUMENT.as_bytes(), &["eval", "-", NOW, "--tenant", "acme", "--explain"]);
    assert!(run.out.starts_with("Shape: decided by `acme`\n"), "{}", run.out);
    assert!(
        run.out.contains("`acme` applies") && run.out.contains("`eu` does not apply: endpoint"),
        "{}",
        run.out
    );
}

#[test]
fn times_are_taken_to_the_millisecond() {
    let level = |now: &str| {
        let now = format!("--now={now}");
        decide(&[&now, "--label=region=eu=1", "--endpoint=Search", "--anchor=0"])["level"].clone()
    };
    assert_eq!(level("2026-11-20T14:05:59.999Z"), "ShapeTiming");
    assert_eq!(level("1795183559999"), "ShapeTiming");
    assert_eq!(level("1795183560000"), "Off");
}

#[test]
fn a_refused_document_decides_nothing() {
    let scratch = Scratch::new();
    let file = scratch.file("bad.json", r#"{"directives":[{"id":5}]}"#);
    let run = aldis(&["eval", &file, "--format", "json"]);
    assert_eq!((run.code, run.json()["error"]["reason"].as_str()), (1, Some("wrong_type")));
    let run = aldis(&["eval", &file]);
    assert!(run.code == 1 && run.out.contains("bad.json:1:22"), "{}", run.out);
    assert_eq!(aldis(&["eval", "--source", &format!("file:{file}")]).code, 1);
}

#[test]
fn a_file_may_be_the_source() {
    let scratch = Scratch::new();
    let source = format!("file:{}", scratch.file("good.json", DOCUMENT));
    let run = aldis(&["eval", "--source", &source, "--tenant", "acme", "--format", "json"]);
    assert_eq!((run.json()["level"].as_str(), &run.json()["revision"]), (Some("Shape"), &Value::Null));
}

#[test]
fn usage_errors_name_the_remedy() {
    for (arguments, remedy) in [
        (&["eval"][..], "--source"),
        (&["eval", "-", "--endpoint", "search"], "Search"),
        (&["eval", "-", "--now", "yesterday"], "RFC 3339"),
        (&["eval", "-", "--label", "x"], "NAME=VALUE"),
        (&["eval", "-", "--engine", "gpu"], "wasm"),
        (&["eval", "--source", "ftp://h/k"], "etcd://"),
    ] {
        let run = aldis(arguments);
        assert!(run.code == 2 && run.err.starts_with("error: ") && run.err.contains(remedy), "{}", run.err);
        assert_eq!(run.out, "");
    }
}
