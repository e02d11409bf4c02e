//! The guest in wasmtime as Python has it, by the host of `examples/python-host`, which knows no more than
//! `wasm/ABI.md`; and what that host does beyond the page.

use std::process::Command;
use std::time::{Duration, Instant};

use aldis_abi::name;
use aldis_core::{DirectiveSet, UnixMillis};
use aldis_etcd::sink::guest::embedded_module;
use rig::vectors::{Engine, Refusal, Request, Verdict, differences};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::host::{Host, Source};
use crate::piped::{Answer, Piped, facts, failed};
use crate::promises::{self, NOW, Twin};
use crate::wat::Guest;
use crate::{Fed, must_agree};

const PYTHON: Host = Host {
    name: "python",
    folder: "python-host",
    files: &["aldis.py", "aldis_abi.py"],
    main: "main.py",
    pipe: "python.py",
    runtime: python,
};

/// With the package that `cargo xtask` has fetched, or else with what Python has by itself.
fn python() -> Command {
    let mut python = Command::new("python3");
    if let Some(packages) = std::env::var_os("ALDIS_PYTHONPATH") {
        python.env("PYTHONPATH", packages);
    }
    // Leaves nothing behind in the folder of the example.
    python.env("PYTHONDONTWRITEBYTECODE", "1");
    python
}

const MISREADINGS: [Twin; 13] = [
    ("request_id: str | None = None\n    trace_id", "trace_id: str | None = None\n    request_id"),
    (r#""Shape", "ShapeTiming""#, r#""ShapeTiming", "Shape""#),
    ("bool(flags & 1), bool(flags & 2)", "bool(flags & 2), bool(flags & 2)"),
    ("bool(flags & 1), bool(flags & 2)", "bool(flags & 1), bool(flags & 1)"),
    ("place == NO_DIRECTIVE", "place == 0"),
    ("if fact is not None)", "if fact)"),
    ("given, kind,", "given, 0,"),
    ("*map(len, texts), 0)", "*(len(text) & 0xff for text in texts), 0)"),
    ("len(labels), *map", "0, *map"),
    ("[header, lengths, *texts, *pairs]", "[header, *texts, lengths, *pairs]"),
    ("(function, len(payload), *anchor)", "(function, len(payload), *(0 for _ in anchor))"),
    (r#""aldis_explain", length, now,"#, r#""aldis_explain", length, 0,"#),
    ("page.splitlines()", "page.decode().splitlines()"),
];

#[test]
fn every_vector_holds_in_python() {
    promises::every_vector_holds(&PYTHON);
}

#[test]
fn a_host_that_misreads_the_page_is_found_out() {
    promises::misreadings_are_found_out(&PYTHON, &MISREADINGS);
}

#[test]
fn the_example_does_what_its_readme_shows() {
    promises::the_readme_is_true(&PYTHON);
}

#[test]
fn the_host_is_short() {
    promises::no_file_has_120_lines(&PYTHON);
}

#[test]
fn a_guest_that_traps_is_replaced_by_one_with_the_same_set() {
    promises::a_broken_guest_is_replaced(&PYTHON, ("if self._in_force:", "if False:"));
}

#[test]
fn a_set_at_which_the_guest_breaks_is_an_error() {
    promises::a_set_that_breaks_the_guest_is_an_error(&PYTHON);
}

#[test]
fn a_request_that_is_too_long_is_off() {
    promises::what_is_too_long_is_off(
        &PYTHON,
        &[
            ("(struct.error, UnicodeEncodeError)", "UnicodeEncodeError"),
            ("if len(encoded) <= LONGEST_REQUEST else None", ""),
        ],
    );
}

/// It is stopped at its deadline, which costs the decision at which it was and no more.
#[test]
fn a_guest_that_never_returns_is_stopped_and_replaced() {
    let guest = promises::breaks_by("(loop $ever (br $ever))");
    let begun = Instant::now();
    assert_eq!(promises::levels(&PYTHON, &PYTHON.source(), &guest), promises::EACH_THIRD_OFF);
    assert!(begun.elapsed() >= Duration::from_secs(2), "two calls ran for a second each");

    let without_deadlines = PYTHON.source().with("epoch_interruption = True", "epoch_interruption = False");
    let mut endless = hosting(&guest, &without_deadlines);
    endless.load(b"{}", NOW).expect("takes every document");
    let call = json!({"call": "evaluate", "request": {}, "now": "0"});
    let mut answers = |_| endless.call_within::<Verdict>(Duration::from_secs(4), &call).is_some();
    assert_eq!([1, 2, 3].map(&mut answers), [true, true, false], "nothing else stops it");
}

#[test]
fn a_set_over_which_the_guest_never_returns_is_an_error() {
    let guest = Guest::harmless().with(name::LOAD_DOCUMENT, "(loop $ever (br $ever)) (i32.const 1)");
    let impatient = PYTHON.source().with("load_seconds: float = 10.0", "load_seconds: float = 0.5");
    let answer = promises::load(&mut hosting(&guest, &impatient), &PYTHON.example("README.md"));
    assert!(matches!(answer, Answer::Broken(error) if error.contains("the one before stays in force")));
}

/// Asks for half a gigabyte, and decides `Shape` only if it does not get that.
#[test]
fn a_guest_does_not_grow_past_its_limit() {
    let grown = "(i32.ne (i32.const -1) (memory.grow (i32.const 8192)))";
    let decision = format!("(select (i64.const 0xffffffff) (i64.const 0x1ffffffff) {grown})");
    let greedy = Guest::harmless().with(name::EVALUATE, &decision);
    let level = |source: &Source| hosting(&greedy, source).decide(&Request::default(), NOW).level;
    assert_eq!(level(&PYTHON.source()), "Shape");
    let without_limit = PYTHON.source().with("set_limits(self._limits.memory_bytes, ", "set_limits(");
    assert_eq!(level(&without_limit), "Off");
}

/// A guest that lies about its memory is worth no more than one that traps.
#[test]
fn a_place_outside_of_memory_is_off() {
    let lies = [
        (name::REQUEST_RESERVE, "(i32.const 0x7ffffff0)"),
        (name::REQUEST_RESERVE, "(i32.const 131071)"),
        (name::OUTPUT, "(i32.const 131072)"),
        (name::EVALUATE, "(i64.const 0x900000000)"),
    ];
    let trusting = PYTHON.source().with("WasmtimeError, IndexError)", "WasmtimeError)");
    for (function, lie) in lies {
        let guest = Guest::harmless()
            .with(name::EVALUATE, "(i64.const 0x100000000)")
            .with(name::DIRECTIVE_ID, "(i32.const 1)")
            .with(function, lie);
        let level = |source: &Source| hosting(&guest, source).decide(&Request::default(), NOW).level;
        assert_eq!(level(&PYTHON.source()), "Off", "{function} {lie}");
        assert_ne!(level(&trusting), "Off", "{function} {lie}");
    }
}

#[test]
fn text_that_is_not_unicode_is_off() {
    let mut python = Piped::start(&PYTHON, Fed::Documents);
    python.load(br#"{"directives":[{"id":"all","level":"Shape","ttl_secs":9}]}"#, NOW).expect("is one");
    let [text, half] = ["\\ud83d\\ude00", "\\ud83d"].map(|tenant| {
        let call = format!(r#"{{"call":"evaluate","request":{{"tenant":"{tenant}"}},"now":"0"}}"#);
        python.call::<Verdict>(&RawValue::from_string(call).expect("is JSON"))
    });
    assert!(matches!(text, Answer::Ok(verdict) if verdict.level == "Shape"));
    assert!(matches!(half, Answer::Ok(verdict) if verdict.level == "Off"));
}

/// Decides everything by batches, behind a request that is too long for one.
struct Batches(Piped);

impl Engine for Batches {
    fn name(&self) -> &str {
        "python, in batches"
    }

    fn load(&mut self, document: &[u8], anchor: UnixMillis) -> Result<(), Refusal> {
        self.0.load(document, anchor)
    }

    fn decide(&mut self, request: &Request, now: UnixMillis) -> Verdict {
        let too_long = Request { tenant: Some("x".repeat(65_536)), ..Request::default() };
        let requests = [&Request::default(), &too_long, request].map(facts);
        let call = json!({"call": "batch", "requests": requests, "now": now.as_u64().to_string()});
        match self.0.call::<[Verdict; 3]>(&call) {
            Answer::Ok([_, off, verdict]) if off.level == "Off" => verdict,
            other => failed(format!("{other:?}")),
        }
    }
}

#[test]
fn a_batch_decides_as_one_call_for_each() {
    let cases = promises::short_cases();
    must_agree(&mut Batches(Piped::start(&PYTHON, Fed::Documents)), &cases);
    let misread =
        PYTHON.source().with("for answer in DECISION", "for answer in [(0xffffffff, 0, 0, 0)] or DECISION");
    let liar = Piped::hosting(embedded_module(), &PYTHON, &misread, Fed::Documents);
    assert!(!differences(&mut Batches(liar), &cases).is_empty());
}

/// The stamp is the one that the pipe loads images with.
#[test]
fn the_host_tells_what_is_in_force() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Info {
        stamp: Vec<u8>,
        directives: usize,
        image_bytes: usize,
        first_end: u64,
        last_end: u64,
    }
    let document =
        br#"{"directives":[{"id":"a","level":"Shape","ttl_secs":9},{"id":"b","level":"Off","ttl_secs":60}]}"#;
    let set = DirectiveSet::decode(document, NOW).expect("is a document");
    let mut python = Piped::start(&PYTHON, Fed::Images);
    python.load(document, NOW).expect("is an image");
    let Answer::Ok(info) = python.call::<Info>(&json!({"call": "info"})) else { panic!("it tells nothing") };
    let expected = Info {
        stamp: (0..40).collect(),
        directives: 2,
        image_bytes: set.as_image().len(),
        first_end: NOW.as_u64() + 9_000,
        last_end: NOW.as_u64() + 60_000,
    };
    assert_eq!(info, expected);
}

fn hosting(guest: &Guest, source: &Source) -> Piped {
    Piped::hosting(&guest.wasm(), &PYTHON, source, Fed::Documents)
}
