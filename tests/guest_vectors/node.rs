//! The guest in Node's V8, by the host of `examples/node-host`, which knows no more than `wasm/ABI.md`.

use std::process::Command;

use rig::vectors::Verdict;
use serde_json::json;

use crate::host::{Host, Scratch};
use crate::piped::{Answer, Piped};
use crate::promises::{self, Twin};
use crate::{Fed, Line, cases, must_agree, small};

const NODE: Host = Host {
    name: "node",
    folder: "node-host",
    files: &["aldis.mjs"],
    main: "main.mjs",
    pipe: "node.mjs",
    // What `cargo xtask` has found or fetched, or else what is on `PATH`.
    runtime: || Command::new(std::env::var_os("ALDIS_NODE").unwrap_or_else(|| "node".into())),
};

const MISREADINGS: [Twin; 11] = [
    (r#"["request_id", 8], ["trace_id", 16]"#, r#"["trace_id", 8], ["request_id", 16]"#),
    (r#""Shape", "ShapeTiming""#, r#""ShapeTiming", "Shape""#),
    ("ring_buffer: !!(high & 0x100)", "ring_buffer: !!(high & 0x200)"),
    ("capture: !!(high & 0x200)", "capture: !!(high & 0x100)"),
    ("place === NO_DIRECTIVE ? null", "place === 0 ? null"),
    ("facts[name] == null ? bits", "!facts[name] ? bits"),
    ("kind]);", "0]);"),
    ("number >> 8]", "0]"),
    ("...[...labels].flat()", ""),
    ("aldis_load_document(length, from)", "aldis_load_document(length, 0n)"),
    ("(length, at, lines", "(length, 0n, lines"),
];

#[test]
fn every_vector_holds_in_the_v8_of_node() {
    promises::every_vector_holds(&NODE);
}

/// The profile for downloads, in an engine of those that download it.
#[test]
fn every_vector_holds_on_the_guest_for_downloads() {
    let mut node = Piped::hosting(&small::module(), &NODE, &NODE.source(), Fed::Documents);
    must_agree(&mut node, &cases());
}

#[test]
fn a_host_that_misreads_the_page_is_found_out() {
    promises::misreadings_are_found_out(&NODE, &MISREADINGS);
}

#[test]
fn the_example_does_what_its_readme_shows() {
    promises::the_readme_is_true(&NODE);
}

#[test]
fn the_host_is_short() {
    promises::no_file_has_120_lines(&NODE);
}

#[test]
fn a_guest_that_traps_is_replaced_by_one_with_the_same_set() {
    promises::a_broken_guest_is_replaced(&NODE, ("this.#restore.splice(0)", "[]"));
}

#[test]
fn a_guest_that_cannot_be_replaced_is_off() {
    promises::a_guest_that_cannot_be_replaced_is_off(&NODE);
}

#[test]
fn a_set_at_which_the_guest_breaks_is_an_error() {
    promises::a_set_that_breaks_the_guest_is_an_error(&NODE);
}

#[test]
fn a_status_is_off() {
    promises::a_status_is_off(
        &NODE,
        [("if (high >> 16 !== 0) return OFF;", ""), ("if (error instanceof Refused) return otherwise;", "")],
    );
}

#[test]
fn a_request_that_is_too_long_is_off() {
    // No twin: what is cut the guest refuses, which is off as well.
    promises::what_is_too_long_is_off(&NODE, &[]);
}

#[test]
fn text_that_is_not_unicode_is_off() {
    promises::text_that_is_not_unicode_is_off(&NODE, ("HALF.test(it)", "false"));
}

/// JavaScript's clocks know fractions of a millisecond. They are cut off, and cost no guest.
#[test]
fn a_time_between_two_milliseconds_is_the_first_of_them() {
    let mut node = Piped::start(&NODE, Fed::Documents);
    let scratch = Scratch::new();
    let document = br#"{"directives":[{"id":"all","level":"Shape","ttl_secs":9}]}"#;
    let file = scratch.file("directives.json", document);
    let begin = 1_800_000_000_000.5;
    assert!(matches!(
        node.call::<u32>(&json!({"call": "document", "file": file, "anchor": begin})),
        Answer::Ok(1)
    ));
    for (now, level) in [(begin, "Shape"), (begin + 8_999.0, "Shape"), (begin + 9_000.0, "Off")] {
        let evaluated = node.call::<Verdict>(&json!({"call": "evaluate", "request": {}, "now": now}));
        assert!(matches!(evaluated, Answer::Ok(verdict) if verdict.level == level), "{now}");
        let explained = node.call::<Vec<Line>>(&json!({"call": "explain", "request": {}, "now": now}));
        assert!(matches!(explained, Answer::Ok(lines) if lines.len() == 1), "{now}");
    }
}
