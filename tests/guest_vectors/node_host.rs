//! The rest of what `examples/node-host` says of itself.

use std::fs;
use std::io::Write;

use aldis_abi::name;
use aldis_core::UnixMillis;
use aldis_etcd::sink::guest::embedded_module;
use rig::vectors::{Engine, Request};
use serde_json::json;

use crate::Fed;
use crate::node::{Answer, Node, Scratch, example, node};
use crate::wat::Guest;

const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);

/// What the README of the example shows is what it prints.
#[test]
fn the_example_does_what_its_readme_shows() {
    let readme = fs::read_to_string(example("README.md")).expect("is there");
    let shown = |kind: &str| {
        let block = readme.split_once(&format!("```{kind}\n")).and_then(|(_, rest)| rest.split_once("```"));
        block.expect("is shown").0
    };
    let scratch = Scratch::new();
    let module = scratch.file("aldis_guest.wasm", embedded_module());
    let document = scratch.file("directives.json", shown("json").as_bytes());
    let mut child = node(&[&example("main.mjs"), &module, &document]);
    let mut stdin = child.stdin.take().expect("piped");
    let (asked, answered): (Vec<&str>, Vec<&str>) =
        shown("text").lines().partition(|line| !line.contains("level"));
    stdin.write_all(asked.join("\n").as_bytes()).expect("listens");
    drop(stdin);
    let output = child.wait_with_output().expect("ends");
    assert!(output.status.success() && !answered.is_empty());
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().collect::<Vec<_>>(), answered);
}

/// Counts its calls, breaks at each third, and decides `Shape` only in an instance that was given a set.
fn breaks_by(way: &str) -> Guest {
    Guest::harmless()
        .with(name::LOAD_DOCUMENT, "(i32.store (i32.const 4) (i32.const 1)) (i32.const 1)")
        .with(
            name::EVALUATE,
            &format!(
                "(i32.store (i32.const 0) (i32.add (i32.const 1) (i32.load (i32.const 0))))
                 (if (i32.eq (i32.const 3) (i32.load (i32.const 0))) (then {way}))
                 (select (i64.const 0x1ffffffff) (i64.const 0xffffffff) (i32.load (i32.const 4)))"
            ),
        )
        .and("(func $deep (call $deep))")
}

fn levels(guest: &Guest, host: &str) -> Vec<String> {
    let mut node = Node::hosting(&guest.wasm(), "a guest that breaks", host, Fed::Documents);
    node.load(b"{}", NOW).expect("takes every document");
    (0..7).map(|_| node.decide(&Request::default(), NOW).level).collect()
}

#[test]
fn a_guest_that_traps_is_replaced_by_one_with_the_same_set() {
    let host = fs::read_to_string(example("aldis.mjs")).expect("is there");
    let expected = ["Shape", "Shape", "Off", "Shape", "Shape", "Off", "Shape"];
    for way in ["unreachable", "(call $deep)"] {
        assert_eq!(levels(&breaks_by(way), &host), expected, "{way}");
    }
    let forgetful = host.replace("this.#restore.splice(0)", "[]");
    assert_ne!(levels(&breaks_by("unreachable"), &forgetful), expected, "a host that forgets its set passes");
}

#[test]
fn a_set_at_which_the_guest_breaks_is_an_error() {
    let host = fs::read_to_string(example("aldis.mjs")).expect("is there");
    let guest = Guest::harmless().with(name::LOAD_DOCUMENT, "unreachable").wasm();
    let mut node = Node::hosting(&guest, "a guest that breaks", &host, Fed::Documents);
    let file = example("README.md");
    let answer = node.call::<u32>(&json!({"call": "document", "file": file, "anchor": "0"}));
    assert!(matches!(answer, Answer::Broken(error) if error.contains("the one before stays in force")));
}
