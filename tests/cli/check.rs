//! `aldis check`.

use serde_json::json;

use super::Scratch;
use crate::aldis::{aldis, aldis_reading};

const GOOD: &str = r#"{"directives":[{"id":"a","level":"Shape","ttl_secs":60,"tenant":"acme"}]}"#;
const BAD: &str =
    "{\"directives\":[\n  {\"id\":\"a\",\"level\":\"Shape\",\"ttl_secs\":60,\n   \"tennant\":\"acme\"}]}";

#[test]
fn a_valid_document_is_a_yes_in_both_formats() {
    let scratch = Scratch::new();
    let file = scratch.file("good.json", GOOD);
    let run = aldis(&["check", &file]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.out.contains("valid, 1 directive, digest "), "{}", run.out);
    let run = aldis(&["check", &file, "--format", "json"]);
    let digest = aldis_etcd::Digest::of([(&b"aldis/directives"[..], GOOD.as_bytes())]).to_string();
    assert_eq!(run.json(), json!({"valid": true, "directives": 1, "digest": digest, "warnings": []}));
    let elsewhere = ["check", &file, "--format", "json", "--source", "etcd://h/other"];
    let digest = aldis_etcd::Digest::of([(&b"other"[..], GOOD.as_bytes())]).to_string();
    assert_eq!(aldis(&elsewhere).json()["digest"], digest);
}

#[test]
fn an_invalid_document_is_a_no_with_the_place_under_a_caret() {
    let scratch = Scratch::new();
    let file = scratch.file("bad.json", BAD);
    let run = aldis(&["check", &file]);
    assert_eq!(run.code, 1);
    for part in
        ["error[unknown_field]", "bad.json:3:4", "\"tennant\"", "^^^^^^^^^", "help: did you mean `tenant`?"]
    {
        assert!(run.out.contains(part), "{part} is missing in\n{}", run.out);
    }
    let run = aldis(&["check", &file, "--format", "json"]);
    assert_eq!(run.code, 1);
    let error = json!({"reason": "unknown_field", "path": "directives[0].tennant", "line": 3, "column": 4,
        "message": "unknown field", "help": "did you mean `tenant`?"});
    assert_eq!(run.json(), json!({"valid": false, "error": error}));
}

#[test]
fn several_files_have_a_line_each_and_one_bad_one_is_a_no() {
    let scratch = Scratch::new();
    let (good, bad) = (scratch.file("good.json", GOOD), scratch.file("bad.json", BAD));
    let run = aldis(&["check", &good, &bad, &good, "--format", "json"]);
    let lines: Vec<serde_json::Value> =
        run.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.iter().map(|line| &line["valid"]).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!((run.code, lines[1]["file"].as_str()), (1, Some(bad.as_str())));
    let run = aldis(&["check", &good, &bad]);
    for part in [format!("{good}: valid, 1 directive"), format!("{bad}:3:4")] {
        assert!(run.code == 1 && run.out.contains(&part), "{part} is missing in\n{}", run.out);
    }
}

#[test]
fn standard_input_is_read_with_and_without_a_dash() {
    for arguments in [&["check"][..], &["check", "-"]] {
        assert_eq!(aldis_reading(GOOD.as_bytes(), arguments).code, 0);
        assert_eq!(aldis_reading(BAD.as_bytes(), arguments).code, 1);
    }
}

#[test]
fn what_cannot_be_read_is_trouble_and_the_other_files_are_still_checked() {
    let scratch = Scratch::new();
    let good = scratch.file("good.json", GOOD);
    let run = aldis(&["check", "/nowhere/to/be/found.json", &good]);
    assert_eq!(run.code, 2);
    assert_eq!(run.err, "error: cannot read /nowhere/to/be/found.json: no such file or directory\n");
    assert!(run.out.contains("valid"));
}

#[test]
fn hostile_documents_are_refused_with_reason_and_place() {
    let deep = format!("{{\"directives\":{}", "[".repeat(10_000));
    let large = vec![b' '; (16 << 20) + 1];
    for (body, reason) in [
        (&b""[..], "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b"\xef\xbb\xbf{\"directives\":[]}", "invalid_json"),
        (b"{\"directives\":[]} x", "trailing_data"),
        (b"{\"directives\":[],\"d\\u0069rectives\":[]}", "duplicate_field"),
        (deep.as_bytes(), "too_deep"),
        (&large, "body_too_large"),
    ] {
        let run = aldis_reading(body, &["check", "--format", "json"]);
        let (error, shown) = (run.json(), aldis_reading(body, &["check"]));
        assert_eq!((run.code, error["error"]["reason"].as_str()), (1, Some(reason)), "{}", run.out);
        assert!(shown.code == 1 && shown.out.contains("<stdin>:"), "{reason}: {}", shown.out);
        assert!(shown.out.len() < 40_000, "{reason}: an excerpt, not the document");
    }
}

#[test]
fn warnings_are_told_and_change_no_exit_code() {
    let body =
        r#"{"directives":[{"id":"all","level":"Shape","capture":true,"expires_at":"2026-11-20T14:05:05Z"}]}"#;
    let now = ["check", "--format", "json", "--now", "2026-11-20T14:05:00Z"];
    let run = aldis_reading(body.as_bytes(), &now);
    let told = run.json();
    let kinds: Vec<_> = told["warnings"].as_array().expect("a list").iter().map(|w| &w["warning"]).collect();
    assert_eq!(kinds, ["fleet_wide", "capture_without_tenant", "expires_soon"]);
    assert_eq!(told["warnings"][0]["path"], "directives[0]");
    assert_eq!(run.code, 0);
    let run = aldis_reading(body.as_bytes(), &["check", "--now", "2026-11-20T14:05:17Z"]);
    assert!(run.out.contains("warning[expired]: directives[0] `all`: it expired 12 s ago"), "{}", run.out);
}
