//! Guests that were compiled before: as good as those compiled here, and refused by name where they do not fit or are not
//! whole.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails says where"
)]

#[path = "guest/precompiled.rs"]
mod precompiled;
#[path = "guest/snapshots.rs"]
mod snapshots;
#[path = "guest/wat.rs"]
mod wat;

use std::num::NonZeroUsize;
use std::time::Duration;

use aldis_abi::{VERSION as ABI, name};
use aldis_core::limits::IMAGE_VERSION as IMAGE;
use aldis_core::{DiagLevel, Request};
use aldis_etcd::sink::guest::{
    EngineError, GuestEngine, GuestLimits, GuestSink, PrecompiledError, embedded_module,
};
use twox_hash::XxHash64;
use wasmtime::{Config, Engine};

use precompiled::{load, precompile, target};
use snapshots::{NOW, snapshot};
use wat::Guest;

const LIMITS: GuestLimits = GuestLimits { call_deadline: Duration::from_millis(60), ..GuestLimits::STANDARD };
const ACME: Request<'static> = Request { tenant: Some("acme"), ..Request::EMPTY };

/// Bytes before what wasmtime reads.
const HEAD: usize = 98;

fn small() -> Vec<u8> {
    precompile(&Guest::harmless().with(name::EVALUATE, "(i64.const 0x100000000)").wasm())
}

fn refusal(bytes: &[u8]) -> PrecompiledError {
    match load(bytes, LIMITS) {
        Err(EngineError::Precompiled(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// Writes a head as the documentation has it, with what a test wants in it.
struct Head<'a> {
    layout: u32,
    abi: i32,
    image: u16,
    aldis: &'a [u8],
    wasmtime: &'a [u8],
}

impl<'a> Head<'a> {
    /// As in bytes that are right.
    fn of(right: &'a [u8]) -> Self {
        Self { layout: 1, abi: ABI, image: IMAGE, aldis: &right[26..58], wasmtime: &right[58..HEAD] }
    }

    fn before(&self, artifact: &[u8]) -> Vec<u8> {
        let padded = |text: &[u8], length| [text, &vec![0; length - text.len()]].concat();
        let (aldis, wasmtime) = (padded(self.aldis, 32), padded(self.wasmtime, 40));
        let numbers = [self.layout.to_le_bytes(), self.abi.to_le_bytes()].concat();
        let rest = [&numbers[..], &self.image.to_le_bytes(), &aldis, &wasmtime, artifact].concat();
        [&b"aldisaot"[..], &XxHash64::oneshot(0, &rest).to_le_bytes(), &rest].concat()
    }
}

#[test]
fn a_guest_goes_from_process_to_process_as_bytes() {
    let compiled = GuestEngine::embedded(LIMITS).unwrap().serialize().unwrap();
    for bytes in [&compiled, &precompile(embedded_module()), &small()] {
        let engine = load(bytes, LIMITS).unwrap();
        assert!(engine.serialize().unwrap() == *bytes, "what is loaded can be handed on");
        let sink = GuestSink::new(engine, NonZeroUsize::MIN);
        sink.try_apply(&snapshot(3)).unwrap();
        assert_eq!(sink.evaluate(&ACME, NOW).level, DiagLevel::Shape);
    }
}

#[test]
fn what_is_no_guest_is_none_when_it_was_compiled_before() {
    let guests = [
        Guest::harmless().importing("(import \"wasi\" \"clock\" (func))"),
        Guest::harmless().without(name::INFO),
        Guest::harmless().with_type(name::EVALUATE, "(param i64 i64) (result i64)", wat::OFF),
        Guest::harmless().with(name::ABI_VERSION, "(i32.const 2)"),
        Guest::harmless().and("(func $s unreachable) (start $s)"),
        Guest::harmless().and("(table 10001 funcref)"),
    ];
    for guest in guests {
        let compiled = GuestEngine::from_wasm(&guest.wasm(), LIMITS).unwrap_err();
        let loaded = load(&precompile(&guest.wasm()), LIMITS).unwrap_err();
        assert_eq!(loaded.to_string(), compiled.to_string());
        assert!(!matches!(loaded, EngineError::Precompiled(_)), "{loaded}");
    }
}

#[test]
fn a_precompiled_guest_that_never_returns_is_stopped() {
    let bytes = precompile(&Guest::harmless().with(name::EVALUATE, "(loop (br 0)) (i64.const 0)").wasm());
    let sink = GuestSink::new(load(&bytes, LIMITS).unwrap(), NonZeroUsize::MIN);
    sink.try_apply(&snapshot(1)).unwrap();
    assert_eq!((sink.decide(&ACME, NOW).made_by, sink.report().timeouts), (None, 1));
}

#[test]
fn every_flipped_bit_is_found_before_wasmtime_sees_it() {
    let right = small();
    let spoilt = |at: usize, bit: u8| {
        let mut bytes = right.clone();
        bytes[at] ^= 1 << bit;
        refusal(&bytes)
    };
    for bit in 0..8 {
        for at in 0..HEAD {
            let found = if at < 8 { PrecompiledError::Foreign } else { PrecompiledError::Damaged };
            assert_eq!(spoilt(at, bit), found, "bit {bit} of byte {at}");
        }
        for at in (HEAD..right.len()).step_by(61).chain([right.len() - 1]) {
            assert_eq!(spoilt(at, bit), PrecompiledError::Damaged, "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn what_is_cut_off_or_goes_on_is_refused() {
    let right = small();
    for length in (0..=HEAD).chain((HEAD..right.len()).step_by(997)).chain([right.len() - 1]) {
        let found = if length < 8 { PrecompiledError::Foreign } else { PrecompiledError::Damaged };
        assert_eq!(refusal(&right[..length]), found, "{length} bytes");
    }
    assert_eq!(refusal(&[&right[..], b"x"].concat()), PrecompiledError::Damaged);
    for foreign in [embedded_module(), &right[HEAD..]] {
        assert_eq!(refusal(foreign), PrecompiledError::Foreign, "a module, and what wasmtime serializes");
    }
}

#[test]
fn what_is_whole_and_from_elsewhere_is_refused_by_name() {
    let (right, ours) = (small(), wasmtime_version());
    let artifact = &right[HEAD..];
    assert_eq!(Head::of(&right).before(artifact), right, "this test writes heads as the host does");
    // Whatever else may be different there, what is looked at first is named.
    let layout = Head { layout: 2, abi: 7, image: 7, aldis: b"1", wasmtime: b"1" };
    assert_eq!(refusal(&layout.before(artifact)), PrecompiledError::Layout { found: 2 });
    let abi = Head { abi: 2, image: 7, aldis: b"1", wasmtime: b"1", ..Head::of(&right) };
    assert_eq!(refusal(&abi.before(artifact)), PrecompiledError::Abi { found: 2 });
    let image = Head { image: 1, aldis: b"1", wasmtime: b"1", ..Head::of(&right) };
    assert_eq!(refusal(&image.before(artifact)), PrecompiledError::Image { found: 1 });
    for other in ["0.0.9", "0.1", &format!("{}1", env!("CARGO_PKG_VERSION")), ""] {
        let aldis = Head { aldis: other.as_bytes(), wasmtime: b"1", ..Head::of(&right) };
        assert_eq!(refusal(&aldis.before(artifact)), PrecompiledError::Aldis { found: other.to_owned() });
    }
    for other in ["47.0.8", "48.0", &format!("{ours}1"), ""] {
        let wasmtime = Head { wasmtime: other.as_bytes(), ..Head::of(&right) };
        let found = other.to_owned();
        assert_eq!(refusal(&wasmtime.before(artifact)), PrecompiledError::Wasmtime { found });
    }
}

/// The version in the lock file, which is that of all of wasmtime.
fn wasmtime_version() -> String {
    let lock = include_str!("../Cargo.lock");
    let (_, rest) = lock.split_once("name = \"wasmtime\"\nversion = \"").expect("is locked");
    rest.split('"').next().unwrap().to_owned()
}

#[test]
fn the_versions_in_the_head_are_those_of_aldis_and_wasmtime() {
    let right = small();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().trim_end_matches('\0').to_owned();
    assert_eq!(
        (text(&right[26..58]), text(&right[58..HEAD])),
        (env!("CARGO_PKG_VERSION").into(), wasmtime_version())
    );
}

#[test]
fn code_that_was_made_otherwise_is_refused_with_what_differs() {
    let right = small();
    let wasm = Guest::harmless().wasm();
    let other = |configure: fn(&mut Config) -> &mut Config| {
        let mut config = Config::new();
        config.wasm_memory64(false).wasm_multi_memory(false).wasm_relaxed_simd(false);
        configure(config.epoch_interruption(true));
        let artifact = Engine::new(&config).unwrap().precompile_module(&wasm).unwrap();
        Head::of(&right).before(&artifact)
    };
    assert!(load(&other(|config| config), LIMITS).is_ok(), "it is the setting that is refused below");
    let elsewhere = GuestEngine::precompile(&wasm, &target("pc-windows-msvc")).unwrap();
    for (bytes, differs) in [
        (other(|config| config.epoch_interruption(false)), "epoch interruption"),
        (other(|config| config.wasm_memory64(true)), "feature `memory64`"),
        (other(|config| config.memory_reservation(1 << 20)), "memory reservation"),
        (other(|config| config.signals_based_traps(false)), "Signals-based traps"),
        (elsewhere, "operating system 'windows'"),
        (Head::of(&right).before(b"not an artifact"), "as an ELF"),
    ] {
        let refused = refusal(&bytes);
        let PrecompiledError::Incompatible { reason } = &refused else { panic!("{refused}") };
        assert!(reason.contains(differs), "{reason}");
    }
}

#[test]
fn code_that_wants_more_of_the_processor_than_is_known_here_is_refused() {
    // What a processor can do has names such as `has_popcnt`. None will ever have these.
    let renamed = |bytes: &[u8]| {
        let mut artifact = bytes[HEAD..].to_vec();
        for at in 0..artifact.len() - 4 {
            if artifact[at..].starts_with(b"has_") {
                artifact[at + 2] = b'x';
            }
        }
        Head::of(bytes).before(&artifact)
    };
    let compiled_here =
        GuestEngine::from_wasm(&Guest::harmless().wasm(), LIMITS).unwrap().serialize().unwrap();
    let refused = refusal(&renamed(&compiled_here));
    assert!(refused.to_string().contains("hax_"), "{refused}");
    assert!(load(&renamed(&small()), LIMITS).is_ok(), "what is for any processor wants nothing of it");
}

#[test]
fn what_cannot_be_compiled_says_why() {
    for unknown in ["abacus", "riscv64gc-unknown-linux-gnu"] {
        let refused = GuestEngine::precompile(embedded_module(), unknown);
        assert!(matches!(refused, Err(EngineError::Target { .. })), "{refused:?}");
    }
    let refused = GuestEngine::precompile(b"no module", &target("unknown-linux-gnu"));
    assert!(matches!(refused, Err(EngineError::NotAModule(_))), "{refused:?}");
}
