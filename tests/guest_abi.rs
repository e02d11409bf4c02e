//! The built module as it is: what it imports and exports, and that it means what the native core means.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails says where"
)]

#[path = "guest/wat.rs"]
mod wat;

use aldis_abi::{
    EXPLAIN_LINES, FUNCTIONS, Function, INFO_BYTES, MAX_REQUEST_BUFFER, MAX_SET_BUFFER, Stamp, Status,
    VERSION, ValueType, name,
};
use aldis_core::{Decision, DirectiveSet, Outcome, Request};
use aldis_etcd::sink::guest::{
    ContractError, EngineError, GuestEngine, GuestError, GuestInstance, GuestLimits, check_contract,
    embedded_module,
};
use proptest::prelude::*;
use rig::generate::{self, NOW};
use wasmtime::{Engine, ExternType, Module};

use wat::Guest;

/// Constants that Rust's toolchain exports from every module.
const OF_THE_TOOLCHAIN: &[&str] = &["global __data_end", "global __heap_base"];

#[test]
fn the_module_imports_nothing_and_exports_what_the_page_says() {
    assert_eq!(exact(embedded_module()), Ok(()));
    assert_eq!(
        exact(&Guest::harmless().wasm()),
        Err(lines(&["- global __data_end", "- global __heap_base"]))
    );
}

#[test]
fn a_module_that_differs_in_one_thing_is_refused_by_both_checks() {
    let import = Guest::harmless().importing("(import \"wasi\" \"clock\" (func))");
    let import_found = ContractError::Import { module: "wasi".into(), name: "clock".into() };
    let cases = [
        (import, import_found, "+ import wasi clock"),
        (
            Guest::harmless().without(name::INFO),
            ContractError::Missing(name::INFO),
            "- func aldis_info [] -> i32",
        ),
        (
            Guest::harmless().with_type(name::EVALUATE, "(param i64 i64) (result i64)", wat::OFF),
            ContractError::WrongType(name::EVALUATE),
            "+ func aldis_evaluate [i64, i64] -> i64",
        ),
        (Guest::harmless().with_memory("(memory 2)"), ContractError::Missing("memory"), "- memory memory"),
        (
            Guest::harmless().without(name::INFO).and("(global (export \"aldis_info\") i32 (i32.const 0))"),
            ContractError::WrongType(name::INFO),
            "+ global aldis_info",
        ),
    ];
    let engine = Engine::default();
    for (guest, refused, line) in cases {
        let wasm = guest.wasm();
        assert_eq!(check_contract(&Module::from_binary(&engine, &wasm).unwrap()), Err(refused));
        let differences = exact(&wasm).unwrap_err();
        assert!(differences.iter().any(|found| found == line), "{line} is not in {differences:?}");
    }
}

/// Every function with its types, every status with its number, every limit: what a page alone must say.
#[test]
fn the_page_says_what_the_code_says() {
    let page = include_str!("../wasm/ABI.md");
    assert_eq!(missing_on(page), Vec::<String>::new());
    for line in page.lines().filter(|line| line.starts_with("| −") || line.starts_with("| `aldis_e")) {
        assert_ne!(missing_on(&page.replace(line, "")).len(), 0, "nobody misses {line}");
    }
}

fn missing_on(page: &str) -> Vec<String> {
    let functions = FUNCTIONS.iter().map(|function| {
        let result = format!("{:?}", function.result).to_lowercase();
        (format!("| `{}` |", function.name), format!("| `{result}`: "), function.params)
    });
    let wrong_function = |(name, result, params): (String, String, &[ValueType])| {
        let line = page.lines().find(|line| line.starts_with(&name)).unwrap_or_default();
        let types = line.matches(": i32").count() + line.matches(": i64").count();
        (!line.contains(&result) || types != params.len()).then_some(name)
    };
    let statuses = Status::ALL.iter().map(|status| format!("| −{} | `{status:?}` |", status.code()));
    let limits = [MAX_REQUEST_BUFFER, MAX_SET_BUFFER].map(|bytes| {
        let (millions, thousands, ones) = (bytes / 1_000_000, bytes / 1_000 % 1_000, bytes % 1_000);
        format!("| {millions} {thousands:03} {ones:03} bytes |")
    });
    let others = [
        format!("version {VERSION}"),
        format!("| {EXPLAIN_LINES} |"),
        format!("`aldis_info()`: {INFO_BYTES} bytes"),
    ];
    let wanted = statuses.chain(limits).chain(others).filter(|line| !page.contains(line.as_str()));
    functions.filter_map(wrong_function).chain(wanted).collect()
}

#[test]
fn another_version_is_refused() {
    let other = Guest::harmless().with(name::ABI_VERSION, "(i32.const 2)").wasm();
    let refused = GuestEngine::from_wasm(&other, GuestLimits::STANDARD);
    assert!(matches!(refused, Err(EngineError::Version(2))), "{refused:?}");
    let refused = GuestEngine::from_wasm(b"no module", GuestLimits::STANDARD);
    assert!(matches!(refused, Err(EngineError::NotAModule(_))), "{refused:?}");
}

#[test]
fn the_module_does_not_say_where_it_was_built() {
    let says =
        |module: &[u8], folder: &str| module.windows(folder.len()).any(|bytes| bytes == folder.as_bytes());
    let home = std::env::home_dir().expect("whoever builds has a home").display().to_string() + "/";
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    for folder in [home.as_str(), root] {
        assert!(!says(embedded_module(), folder), "it names {folder}");
        assert!(says(format!("a panic in {folder}lib.rs").as_bytes(), folder), "what names it is noticed");
    }
}

#[test]
fn refusals_are_the_natives_own() {
    let mut guest = instance();
    for document in [&b"{"[..], b"\xff", br#"{"directives":[{"id":"a","levle":"Shape"}]}"#, b"[]", b""] {
        let native = DirectiveSet::decode(document, NOW).unwrap_err();
        match guest.load_document(document, NOW, Stamp::NONE) {
            Err(GuestError::Refused { why, .. }) => assert_eq!(why, serde_json::to_string(&native).unwrap()),
            other => panic!("{other:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_guest_decides_and_explains_as_the_native_core(
        directives in generate::directives(0..40),
        requests in prop::collection::vec((generate::request(), generate::near()), 1..20),
    ) {
        let set = DirectiveSet::from_directives(directives).unwrap();
        let mut guest = instance();
        prop_assert_eq!(guest.load_image(set.as_image(), Stamp::NONE), Ok(set.len()));
        for (request, now) in &requests {
            let now = *now;
            request.with_facts(|request| {
                assert_eq!(guest.evaluate(request, now), Ok(set.evaluate(request, now)));
                assert_eq!(guest.explain(request, now).unwrap(), explained(&set, request, now));
            });
        }
    }
}

#[test]
fn a_batch_decides_as_one_call_for_each() {
    let document = r#"{"directives":[{"id":"a","level":"Shape","ttl_secs":9,"tenant":"t3"},
        {"id":"b","level":"ShapeTiming","ttl_secs":9,"principal":"p","sample_per_mille":500}]}"#;
    let set = DirectiveSet::decode(document.as_bytes(), NOW).unwrap();
    let mut guest = instance();
    guest.load_image(set.as_image(), Stamp::NONE).unwrap();
    let texts: Vec<(String, String)> =
        (0..2_000).map(|i| (format!("t{}", i % 7), format!("id {i}"))).collect();
    let request = |(tenant, id): &'static (String, String)| Request {
        tenant: Some(tenant),
        principal: Some("p"),
        request_id: Some(id),
        ..Request::EMPTY
    };
    let texts: &'static [(String, String)] = texts.leak();
    let requests: Vec<Request<'_>> = texts.iter().map(request).collect();
    for count in [0, 1, 64, 2_000] {
        let mut decisions = Vec::new();
        guest.evaluate_batch(&requests[..count], NOW, &mut decisions).unwrap();
        let native: Vec<_> = requests[..count].iter().map(|request| set.evaluate(request, NOW)).collect();
        assert_eq!(decisions, native);
    }
    let long = "x".repeat(65_536);
    let mut decisions = vec![Decision::OFF];
    let too_long = Request { tenant: Some(&long), ..requests[0] };
    assert_eq!(guest.evaluate_batch(&[requests[0], too_long], NOW, &mut decisions), Err(GuestError::TooLong));
    let fits = "x".repeat(65_535);
    let many = [Request { tenant: Some(&fits), ..Request::EMPTY }; 256];
    let refused = guest.evaluate_batch(&many, NOW, &mut decisions);
    assert_eq!(refused, Err(Status::TooLarge.into()));
    guest.evaluate_batch(&many[1..], NOW, &mut decisions).unwrap();
    assert_eq!(decisions.len(), 256);
}

fn explained(set: &DirectiveSet, request: &aldis_core::Request<'_>, now: aldis_core::UnixMillis) -> String {
    let line = |it: aldis_core::Explanation<'_>| match it.outcome {
        Outcome::Applies => format!("{{\"id\":\"{}\",\"applies\":true}}\n", it.id),
        Outcome::Not(why) => format!("{{\"id\":\"{}\",\"applies\":false,\"why\":\"{why}\"}}\n", it.id),
    };
    set.explain(request, now).map(line).collect()
}

/// The embedded guest is compiled once for all tests of this file.
fn instance() -> GuestInstance {
    static ENGINE: std::sync::LazyLock<GuestEngine> = std::sync::LazyLock::new(|| {
        GuestEngine::embedded(GuestLimits::STANDARD).expect("the embedded guest is one")
    });
    ENGINE.instantiate().expect("starts")
}

/// Everything that crosses the boundary of a module, one line each, against the table of the ABI: `Err` has a line with
/// `-` for what is missing and with `+` for what is too much.
fn exact(wasm: &[u8]) -> Result<(), Vec<String>> {
    let module = Module::from_binary(&Engine::default(), wasm).map_err(|error| vec![error.to_string()])?;
    let imports = module.imports().map(|import| format!("import {} {}", import.module(), import.name()));
    let found: Vec<String> =
        module.exports().map(|export| shown(export.name(), &export.ty())).chain(imports).collect();
    let wanted: Vec<String> = FUNCTIONS
        .iter()
        .map(function)
        .chain(["memory memory".into()])
        .chain(OF_THE_TOOLCHAIN.iter().map(|line| (*line).into()))
        .collect();
    let missing = wanted.iter().filter(|line| !found.contains(line)).map(|line| format!("- {line}"));
    let further = found.iter().filter(|line| !wanted.contains(line)).map(|line| format!("+ {line}"));
    let differences: Vec<String> = missing.chain(further).collect();
    if differences.is_empty() { Ok(()) } else { Err(differences) }
}

fn shown(name: &str, of: &ExternType) -> String {
    match of {
        ExternType::Func(function) => {
            let params: Vec<String> = function.params().map(|param| param.to_string()).collect();
            let results: Vec<String> = function.results().map(|result| result.to_string()).collect();
            format!("func {name} [{}] -> {}", params.join(", "), results.join(", "))
        }
        ExternType::Memory(_) => format!("memory {name}"),
        ExternType::Global(_) => format!("global {name}"),
        _ => format!("something {name}"),
    }
}

fn function(function: &Function) -> String {
    let params: Vec<String> = function.params.iter().map(|of| format!("{of:?}").to_lowercase()).collect();
    let result = format!("{:?}", function.result).to_lowercase();
    format!("func {} [{}] -> {result}", function.name, params.join(", "))
}

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).into()).collect()
}
