//! What every host under `examples` promises, each with the twin that breaks it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use aldis_abi::name;
use aldis_core::UnixMillis;
use aldis_etcd::sink::guest::embedded_module;
use rig::vectors::{Case, Engine, Pairs, Request, Verdict, differences};
use serde_json::json;
use serde_json::value::RawValue;

use crate::host::{Host, Scratch, Source};
use crate::piped::{Answer, Piped};
use crate::wat::Guest;
use crate::{Fed, cases, must_agree};

pub(crate) const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);

/// A piece of a host, and what a forgetful or misled author would have written in its place.
pub(crate) type Twin = (&'static str, &'static str);

pub(crate) fn every_vector_holds(host: &Host) {
    let cases = cases();
    for fed in [Fed::Documents, Fed::Images] {
        must_agree(&mut Piped::start(host, fed), &cases);
    }
}

/// Nothing on the page can be misread without a vector that notices.
pub(crate) fn misreadings_are_found_out(host: &Host, misreadings: &[Twin]) {
    let cases = short_cases();
    for (right, wrong) in misreadings {
        let misread = host.source().with(right, wrong);
        let mut liar = Piped::hosting(embedded_module(), host, &misread, Fed::Documents);
        assert!(!differences(&mut liar, &cases).is_empty(), "{wrong} passes for {right}");
    }
}

/// Those that do not take long: they say all that a host could misread.
pub(crate) fn short_cases() -> Vec<Case> {
    let mut cases = cases();
    cases.retain(|case| case.vector.body().len() < 10_000);
    cases
}

/// What the README shows is what its program prints.
pub(crate) fn the_readme_is_true(host: &Host) {
    let readme = fs::read_to_string(host.example("README.md")).expect("is there");
    let shown = |kind: &str| {
        let block = readme.split_once(&format!("```{kind}\n")).and_then(|(_, rest)| rest.split_once("```"));
        block.expect("is shown").0
    };
    let (asked, answered): (Vec<&str>, Vec<&str>) =
        shown("text").lines().partition(|line| !line.contains("level"));
    let (output, _) = run(host, shown("json"), &asked.join("\n"));
    assert!(output.status.success() && !answered.is_empty());
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().collect::<Vec<_>>(), answered);

    let (output, document) = run(host, r#"{"directives":[{"id":"a","tennant":"acme"}]}"#, "");
    assert_eq!(output.status.code(), Some(1));
    let place = format!("{document}:1:26: unknown field [unknown_field]\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), place);
}

/// The program of the example, fed a document and lines; with it the name of the document.
fn run(host: &Host, document: &str, lines: &str) -> (Output, String) {
    let scratch = Scratch::new();
    let module = scratch.file("aldis_guest.wasm", embedded_module());
    let document = scratch.file("directives.json", document.as_bytes());
    let mut main = (host.runtime)();
    main.args([host.example(host.main).as_path(), &module, &document]);
    main.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = main.spawn().expect("starts");
    let mut stdin = child.stdin.take().expect("piped");
    // One that refuses the document may be gone by now.
    let _ = stdin.write_all(lines.as_bytes());
    drop(stdin);
    (child.wait_with_output().expect("ends"), document.display().to_string())
}

/// A page from which a host cannot be written in so few lines says too little, or too much.
pub(crate) fn no_file_has_120_lines(host: &Host) {
    for file in host.files {
        let lines = fs::read_to_string(host.example(file)).expect("is there").lines().count();
        assert!(lines < 120, "{file} has {lines}");
    }
}

/// A guest that breaks costs the decision at which it does, and no more.
pub(crate) fn a_broken_guest_is_replaced(host: &Host, forgetful: Twin) {
    for way in ["unreachable", "(call $deep)"] {
        assert_eq!(levels(host, &host.source(), &breaks_by(way)), EACH_THIRD_OFF, "{way}");
    }
    let forgetful = host.source().with(forgetful.0, forgetful.1);
    let levels = levels(host, &forgetful, &breaks_by("unreachable"));
    assert_ne!(levels, EACH_THIRD_OFF, "a host that forgets its set passes");
}

/// What a host makes of a guest that [`breaks_by`] something.
pub(crate) const EACH_THIRD_OFF: [&str; 7] = ["Shape", "Shape", "Off", "Shape", "Shape", "Off", "Shape"];

/// Counts its calls, breaks at each third, and decides `Shape` only in an instance that was given a set.
pub(crate) fn breaks_by(way: &str) -> Guest {
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

pub(crate) fn levels(host: &Host, source: &Source, guest: &Guest) -> Vec<String> {
    let mut piped = Piped::hosting(&guest.wasm(), host, source, Fed::Documents);
    piped.load(b"{}", NOW).expect("takes every document");
    (0..7).map(|_| piped.decide(&Request::default(), NOW).level).collect()
}

/// It takes a set only after it has decided, which a new instance never has, and breaks at a decision by that set.
pub(crate) fn a_guest_that_cannot_be_replaced_is_off(host: &Host) -> Piped {
    let guest = Guest::harmless()
        .with(
            name::LOAD_DOCUMENT,
            "(if (i32.eqz (i32.load (i32.const 0))) (then unreachable))
             (i32.store (i32.const 4) (i32.const 1))
             (i32.const 1)",
        )
        .with(
            name::EVALUATE,
            "(if (i32.load (i32.const 4)) (then unreachable))
             (i32.store (i32.const 0) (i32.const 1))
             (i64.const 0xffffffff)",
        );
    let mut piped = Piped::hosting(&guest.wasm(), host, &host.source(), Fed::Documents);
    assert_eq!(piped.decide(&Request::default(), NOW).level, "Off");
    piped.load(b"{}", NOW).expect("has decided");
    assert_eq!([1, 2, 3].map(|_| piped.decide(&Request::default(), NOW).level), ["Off"; 3]);
    piped
}

pub(crate) fn a_set_that_breaks_the_guest_is_an_error(host: &Host) {
    let guest = Guest::harmless().with(name::LOAD_DOCUMENT, "unreachable").wasm();
    let mut piped = Piped::hosting(&guest, host, &host.source(), Fed::Documents);
    let answer = load(&mut piped, &host.example("README.md"));
    assert!(matches!(answer, Answer::Broken(error) if error.contains("the one before stays in force")));
}

pub(crate) fn load(piped: &mut Piped, document: &Path) -> Answer<u32> {
    piped.call(&json!({"call": "document", "file": document, "anchor": NOW.as_u64().to_string()}))
}

/// A request of more than can be asked is off, and the next one is decided as ever.
pub(crate) fn what_is_too_long_is_off(host: &Host, careless: &[Twin]) {
    let expected = ["Off", "Off", "Off", "Off", "Shape"];
    assert_eq!(levels_of_too_long_ones(host, &host.source()), expected);
    for (right, wrong) in careless {
        let careless = host.source().with(right, wrong);
        assert_ne!(levels_of_too_long_ones(host, &careless), expected, "{wrong} passes for {right}");
    }
}

/// A fact, a label, their number, their sum: each just past what can be; and an ordinary request after them.
fn levels_of_too_long_ones(host: &Host, source: &Source) -> Vec<String> {
    let text = |bytes| "x".repeat(bytes);
    let labels =
        |value, count| Request { labels: Pairs(vec![("x".into(), value); count]), ..Request::default() };
    let requests = [
        Request { tenant: Some(text(65_536)), ..Request::default() },
        labels(text(65_536), 1),
        labels(text(0), 65_536),
        labels(text(65_535), 256),
        labels(text(65_535), 1),
    ];
    let mut piped = Piped::hosting(embedded_module(), host, source, Fed::Documents);
    piped.load(br#"{"directives":[{"id":"all","level":"Shape","ttl_secs":9}]}"#, NOW).expect("is one");
    requests.iter().map(|request| piped.decide(request, NOW).level).collect()
}

/// Half a character is text in some languages, and no UTF-8.
pub(crate) fn text_that_is_not_unicode_is_off(host: &Host, careless: Twin) {
    let levels = |source: &Source| {
        let mut piped = Piped::hosting(embedded_module(), host, source, Fed::Documents);
        piped.load(br#"{"directives":[{"id":"all","level":"Shape","ttl_secs":9}]}"#, NOW).expect("is one");
        [
            r#""tenant":"\ud83d\ude00""#,
            r#""tenant":"\ud83d""#,
            r#""labels":[["\ude00","x"]]"#,
            r#""labels":[["x","\ud83d"]]"#,
        ]
        .map(|facts| {
            let call = format!(r#"{{"call":"evaluate","request":{{{facts}}},"now":"0"}}"#);
            match piped.call::<Verdict>(&RawValue::from_string(call).expect("is JSON")) {
                Answer::Ok(verdict) => verdict.level,
                other => format!("{other:?}"),
            }
        })
    };
    assert_eq!(levels(&host.source()), ["Shape", "Off", "Off", "Off"]);
    let (right, wrong) = careless;
    assert_ne!(levels(&host.source().with(right, wrong))[1], "Off", "{wrong} passes for {right}");
}

/// A status in place of a decision, and a request for which there is no room, are off, and cost nothing else.
pub(crate) fn a_status_is_off(host: &Host, careless: [Twin; 2]) {
    let counts = "(i32.store (i32.const 0) (i32.add (i32.const 1) (i32.load (i32.const 0))))";
    let decisions = Guest::harmless().with(
        name::EVALUATE,
        &format!(
            "{counts} (select (i64.const 0x20001ffffffff) (i64.const 0x1ffffffff)
                 (i32.eq (i32.const 2) (i32.load (i32.const 0))))"
        ),
    );
    // Too little room at the second request, and more at the third, which only the same guest knows to be its third.
    let reserves = Guest::harmless()
        .with(
            name::REQUEST_RESERVE,
            &format!(
                "{counts} (select (i32.const -2) (i32.const 1024) (i32.eq (i32.const 2) (i32.load (i32.const 0))))"
            ),
        )
        .with(name::EVALUATE, "(select (i64.const 0x1ffffffff) (i64.const 0xffffffff) (i32.load (i32.const 0)))");
    for (guest, (right, wrong)) in [decisions, reserves].iter().zip(careless) {
        let levels = |source: &Source| {
            let mut piped = Piped::hosting(&guest.wasm(), host, source, Fed::Documents);
            let request = |bytes| Request { tenant: Some("x".repeat(bytes)), ..Request::default() };
            [1, 2, 3].map(|bytes| piped.decide(&request(bytes), NOW).level)
        };
        assert_eq!(levels(&host.source()), ["Shape", "Off", "Shape"]);
        assert_ne!(levels(&host.source().with(right, wrong))[1], "Off", "{wrong} passes for {right}");
    }
}
