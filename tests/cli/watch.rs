//! `aldis watch` on a file.

use std::fs;

use serde_json::json;

use super::Scratch;
use crate::aldis::{Watch, aldis};

#[test]
fn a_file_is_followed_through_good_and_bad() {
    let scratch = Scratch::new();
    let good = r#"{"directives":[{"id":"a","level":"Shape","ttl_secs":60,"tenant":"acme"}]}"#;
    let file = scratch.file("d.json", good);
    let watch = Watch::start(&format!("file:{file}"), &[]);
    let applied = watch.next("applied");
    assert_eq!(applied["directives"], 1);
    assert_eq!(applied["digest"], aldis(&["check", &file, "--format", "json"]).json()["digest"]);
    assert_eq!(watch.next("live"), json!({"event": "live"}));
    fs::write(&file, r#"{"directives":[{"id":"a"}]}"#).expect("written");
    // A write is no single step: the file may be read empty first.
    let refused = watch.next_with("refused", |refused| refused["error"]["reason"] == "missing_level");
    assert_eq!(refused["key"], "aldis/directives");
    fs::write(&file, r#"{"directives":[]}"#).expect("written");
    assert_eq!(watch.next("applied")["directives"], 0);
    fs::write(&file, good).expect("written");
    assert_eq!(watch.next("applied")["directives"], 1);
    fs::remove_file(&file).expect("removed");
    assert_eq!(watch.next("applied")["directives"], 0);
    assert_eq!(watch.end("-INT"), 0);
}

/// More than etcd takes in one request, and less than a document may have.
#[test]
fn a_file_may_be_as_large_as_a_document() {
    let scratch = Scratch::new();
    let good = r#"{"directives":[{"id":"a","level":"Shape","ttl_secs":60,"tenant":"acme"}]}"#;
    let large = " ".repeat(2 << 20) + good;
    let file = scratch.file("d.json", &large);
    let watch = Watch::start(&format!("file:{file}"), &[]);
    assert_eq!(watch.next("applied")["directives"], 1);
    fs::write(&file, r#"{"directives":[]}"#).expect("written");
    assert_eq!(watch.next("applied")["directives"], 0);
    fs::write(scratch.path("next"), &large).expect("written");
    fs::rename(scratch.path("next"), &file).expect("renamed");
    assert_eq!(watch.next("applied")["directives"], 1);
    assert_eq!(watch.end("-INT"), 0);
}

#[test]
fn it_ends_cleanly_when_told_or_unread() {
    let scratch = Scratch::new();
    let file = scratch.file("d.json", r#"{"directives":[]}"#);
    let watch = Watch::start(&format!("file:{file}"), &[]);
    watch.next("live");
    assert_eq!(watch.end("-TERM"), 0);
    let mut watch = Watch::start(&format!("file:{file}"), &[]);
    watch.next("live");
    watch.hang_up();
    // The reader learns of it with the first line that comes, the command with the next.
    for count in 0..4 {
        fs::write(&file, " ".repeat(count) + r#"{"directives":[]}"#).expect("written");
        std::thread::sleep(std::time::Duration::from_millis(400));
    }
    assert_eq!(watch.wait(), 0);
}

#[test]
fn a_source_that_is_not_there_is_trouble_at_once() {
    let run = aldis(&["watch", "--source", "etcd://127.0.0.1:1/k", "--dial-timeout", "1s"]);
    assert_eq!(run.code, 2);
    assert!(run.err.starts_with("error: ") && run.err.contains("127.0.0.1:1"), "{}", run.err);
}
