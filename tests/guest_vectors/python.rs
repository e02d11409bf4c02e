//! The guest in wasmtime as Python has it, by the host of `examples/python-host`, which knows no more than
//! `wasm/ABI.md`; and what that host does beyond the page.

use std::process::Command;
use std::time::{Duration, Instant};

use aldis_abi::name;
use aldis_core::{DirectiveSet, UnixMillis};
use aldis_etcd::sink::guest::embedded_module;
use rig::vectors::{Engine, Refusal, Request, Verdict, differences};
use serde::Deserialize;
use serde_json::{Value, json};

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
    ("place != NO_DIRECTIVE", "place != 0"),
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
        &[("(struct.error, UnicodeEncodeError)", "UnicodeEncodeError")],
    );
}

/// The guest refuses it by itself, but together with those around it.
#[test]
fn a_request_that_is_too_long_does_not_cost_its_batch() {
    let levels = |source: &Source| {
        let mut python = Piped::hosting(embedded_module(), &PYTHON, source, Fed::Documents);
        python.load(br#"{"directives":[{"id":"all","level":"Shape","ttl_secs":9}]}"#, NOW).expect("is one");
        let too_long = json!({"labels": vec![["x", &"x".repeat(65_535)]; 256]});
        let call = json!({"call": "batch", "requests": [too_long, {}], "now": NOW.as_u64().to_string()});
        let Answer::Ok(verdicts) = python.call::<[Verdict; 2]>(&call) else { panic!("it decides") };
        verdicts.map(|verdict| verdict.level)
    };
    assert_eq!(levels(&PYTHON.source()), ["Off", "Shape"]);
    let careless = PYTHON.source().with("if len(encoded) <= LONGEST_REQUEST else None", "");
    assert_eq!(levels(&careless), ["Off", "Off"]);
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
    let trusting = PYTHON.source().with("WasmtimeError, IndexError, ", "WasmtimeError, ");
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
fn a_status_is_off() {
    promises::a_status_is_off(
        &PYTHON,
        [("OFF if status else ", ""), ("except Refused:\n            pass", "except ():\n            pass")],
    );
}

#[test]
fn a_guest_that_cannot_be_replaced_is_off() {
    let mut python = promises::a_guest_that_cannot_be_replaced_is_off(&PYTHON);
    says_nothing(&mut python);
    let answer = promises::load(&mut python, &PYTHON.example("README.md"));
    assert!(matches!(answer, Answer::Broken(error) if error.contains("the one before stays in force")));
}

/// What is not what the page says it is: text, JSON, the number of decisions, the length of what is told, a status.
#[test]
fn a_guest_that_lies_is_off() {
    let guest = Guest::harmless()
        .and(r#"(data (i32.const 64) "\ff")"#)
        .with(name::OUTPUT, "(i32.const 64)")
        .with(name::DIRECTIVE_ID, "(i32.const 1)")
        .with(name::EXPLAIN, "(i32.const 1)")
        .with(name::INFO, "(i32.const 1)")
        .with(name::EVALUATE, "(i64.const 0x100000000)");
    let mut python = hosting(&guest, &PYTHON.source());
    assert_eq!(python.decide(&Request::default(), NOW).level, "Off");
    says_nothing(&mut python);

    for status in [-1, -7, -8, i64::MIN] {
        let status = Guest::harmless()
            .with(name::EVALUATE, &format!("(i64.const {status})"))
            .with(name::LAST_ERROR, "(i32.const -8)");
        let mut python = hosting(&status, &PYTHON.source());
        assert_eq!(python.decide(&Request::default(), NOW).level, "Off");
    }
}

/// Neither a batch, of one request, nor an explanation, nor what is in force.
fn says_nothing(python: &mut Piped) {
    assert_eq!(batch(python, 1), ["Off"]);
    let explained = json!({"call": "explain", "request": {}, "now": "0"});
    assert!(matches!(python.call::<Vec<Value>>(&explained), Answer::Ok(lines) if lines.is_empty()));
    assert!(matches!(python.call::<Value>(&json!({"call": "info"})), Answer::Ok(Value::Null)));
}

/// How many such requests are decided in one call.
fn batch(python: &mut Piped, requests: usize) -> Vec<String> {
    let call =
        json!({"call": "batch", "requests": vec![json!({}); requests], "now": NOW.as_u64().to_string()});
    match python.call::<Vec<Verdict>>(&call) {
        Answer::Ok(verdicts) => verdicts.into_iter().map(|verdict| verdict.level).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_status_in_a_batch_is_off_for_its_request() {
    let guest = Guest::harmless().with(
        name::EVALUATE_BATCH,
        "(i64.store (i32.const 1024) (i64.const 0x1ffffffff))
         (i64.store (i32.const 1032) (i64.const 0x40001ffffffff))
         (i64.store (i32.const 1040) (i64.const 0x1ffffffff))
         (i32.const 3)",
    );
    let mut python = hosting(&guest, &PYTHON.source());
    assert_eq!(batch(&mut python, 3), ["Shape", "Off", "Shape"]);
    assert_eq!(batch(&mut python, 2), ["Off", "Off"], "three are not two");
    let without_room = guest.with(name::REQUEST_RESERVE, "(i32.const -2)");
    assert_eq!(batch(&mut hosting(&without_room, &PYTHON.source()), 3), ["Off", "Off", "Off"]);
}

/// A batch has the time of a load, and asks for each id once.
#[test]
fn a_batch_of_tens_of_thousands_is_decided() {
    let document = br#"{"directives":[{"id":"all","level":"Shape","ttl_secs":9}]}"#;
    let levels = |source: &Source| {
        let mut python = Piped::hosting(embedded_module(), &PYTHON, source, Fed::Documents);
        python.load(document, NOW).expect("is one");
        batch(&mut python, 50_000)
    };
    let no_time_for_one =
        PYTHON.source().with("decide_seconds: float = 1.0", "decide_seconds: float = -0.01");
    assert_eq!(levels(&no_time_for_one), vec!["Shape"; 50_000]);
    let for_each_anew = PYTHON
        .source()
        .with("load_seconds: float = 10.0", "load_seconds: float = 0.5")
        .with("deciding = {place", "deciding = [place")
        .with("place != NO_DIRECTIVE}", "place != NO_DIRECTIVE]");
    assert_eq!(levels(&for_each_anew), vec!["Off"; 50_000]);
}

#[test]
fn text_that_is_not_unicode_is_off() {
    promises::text_that_is_not_unicode_is_off(
        &PYTHON,
        ("(struct.error, UnicodeEncodeError)", "struct.error"),
    );
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
        PYTHON.source().with("status in DECISION", "status in [(0xffffffff, 0, 0, 0)] * 2 or DECISION");
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
