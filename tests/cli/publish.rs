//! `aldis publish`, `get` and `clear`, as far as they go without an etcd.

use serde_json::{Value, json};

use super::Scratch;
use crate::aldis::{aldis, aldis_reading};

fn publish(document: &str, arguments: &[&str]) -> crate::aldis::Run {
    let all = [&["publish", "-", "--source", "memory:", "--format", "json"], arguments].concat();
    aldis_reading(document.as_bytes(), &all)
}

#[test]
fn publishing_tells_what_it_did() {
    let document = r#"{"directives":[{"id":"a","level":"Shape","ttl_secs":60,"tenant":"acme"}]}"#;
    let run = publish(document, &[]);
    let difference = json!({"added": ["a"], "removed": [], "changed": []});
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(
        run.json(),
        json!({"published": true, "key": "aldis/directives", "revision": 2, "replaced": 0, "directives": 1,
            "difference": difference, "warnings": []})
    );
    let run = publish(document, &["--dry-run"]).json();
    assert_eq!(
        (&run["published"], &run["revision"], &run["difference"]),
        (&json!(false), &Value::Null, &difference)
    );
    assert_eq!(publish(document, &["--if-revision", "0"]).code, 0);
    let run = publish(document, &["--if-revision", "7"]);
    assert_eq!((run.code, run.json()["error"]["reason"].as_str()), (1, Some("conflict")));
}

#[test]
fn what_should_not_be_published_is_refused_with_its_reason() {
    for (document, reason) in [
        (r#"{"directives":[{"id":"a","level":"Shape","ttl_secs":60}]}"#, "fleet_wide"),
        (r#"{"directives":[{"id":"a","level":"Off","suppress":true,"ttl_secs":60}]}"#, "fleet_wide"),
        (
            r#"{"directives":[{"id":"a","level":"Shape","expires_at":"2020-01-01T00:00:00Z","tenant":"x"}]}"#,
            "expired",
        ),
        (r#"{"directives":[{"id":"a","level":"Shape","tenant":"x"}]}"#, "missing_ttl_secs"),
    ] {
        let run = publish(document, &[]);
        assert_eq!((run.code, run.json()["error"]["reason"].as_str()), (1, Some(reason)), "{}", run.out);
        let run = publish(document, &["--dry-run"]);
        assert_eq!(run.code, 1, "a dry run refuses the same");
    }
    let meant = publish(r#"{"directives":[{"id":"a","level":"Shape","ttl_secs":60}]}"#, &["--fleet-wide"]);
    assert_eq!((meant.code, meant.json()["warnings"][0]["warning"].as_str()), (0, Some("fleet_wide")));
}

#[test]
fn a_document_that_etcd_would_not_take_is_a_no() {
    let one = |n: u32| format!(r#"{{"id":"{n:0100}","level":"Shape","ttl_secs":60,"tenant":"t"}}"#);
    let document = format!(r#"{{"directives":[{}]}}"#, (0..12_000).map(one).collect::<Vec<_>>().join(","));
    let run = publish(&document, &[]);
    assert_eq!((run.code, run.json()["error"]["reason"].as_str()), (1, Some("too_large")), "{}", run.err);
}

#[test]
fn getting_nothing_is_a_no_and_a_file_is_got_verbatim() {
    let run = aldis(&["get", "--source", "memory:"]);
    assert_eq!((run.code, run.out.as_str()), (1, ""));
    assert_eq!(run.err, "error: no document is published under aldis/directives\n");
    let scratch = Scratch::new();
    let body = "{ \"directives\" : [ ] }\n";
    let source = format!("file:{}", scratch.file("d.json", body));
    let run = aldis(&["get", "--source", &source]);
    assert_eq!((run.code, run.out.as_str()), (0, body));
    let run = aldis(&["get", "--source", &source, "--format", "json"]);
    assert_eq!(run.json()["document"], json!({"directives": []}));
    let source = format!("file:{}", scratch.file("bad.json", "{\"directives\":[1]}"));
    let run = aldis(&["get", "--source", &source, "--format", "json"]);
    assert_eq!((run.code, run.json()["error"]["reason"].as_str()), (1, Some("not_an_object")));
}

#[test]
fn clearing_puts_the_empty_set() {
    let run = aldis(&["clear", "--source", "memory:", "--format", "json"]);
    assert_eq!((run.code, &run.json()["cleared"], &run.json()["revision"]), (0, &json!(true), &json!(2)));
    let run = aldis(&["clear", "--source", "memory:", "--if-revision", "5"]);
    assert_eq!(run.code, 1, "{}", run.err);
}

#[test]
fn usage_errors_name_the_remedy() {
    let scratch = Scratch::new();
    let file = scratch.file("d.json", r#"{"directives":[]}"#);
    let source = format!("file:{file}");
    for (arguments, remedy) in [
        (&["publish", &file][..], "--source"),
        (&["publish", &file, "--source", &source], "etcd://"),
        (&["publish", &file, "--source", "memory:", "--name", "x"], "prefix"),
        (&["get", "--source", "etcd://127.0.0.1:1/k", "--cacert", "/nowhere"], "cannot read /nowhere"),
        (&["get", "--source", "etcd://127.0.0.1:1/k", "--cacert", &file], "etcds://"),
        (&["get", "--source", "etcds://127.0.0.1:1/k", "--cert", &file], "--key"),
        (&["get", "--source", "etcd://127.0.0.1:1/k", "--user", "me"], "ETCDCTL_PASSWORD"),
        (&["get", "--source", "etcd://127.0.0.1:1/k", "--password", "x"], "--user"),
        (&["get", "--source", "etcd://127.0.0.1:1,127.0.0.1:2/k"], "127.0.0.1:2"),
        (&["get", "--source", "etcd://me:secret@127.0.0.1:1/k"], "--user"),
    ] {
        let run = aldis(arguments);
        assert!(run.code == 2 && run.err.starts_with("error: ") && run.err.contains(remedy), "{}", run.err);
        assert!(run.err.trim_end().lines().count() == 1 && !run.err.contains("secret"), "{}", run.err);
    }
}
