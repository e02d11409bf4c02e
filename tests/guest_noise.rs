//! Whatever a host throws at the boundary, a status comes back: never a trap. The module itself, under the sessions of the
//! fuzz target `guest`; and in each of them it answers what the same code answers natively.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    reason = "lengths here are small, or wrong on purpose"
)]

#[path = "guest/raw.rs"]
mod raw;
#[path = "fuzz/stream.rs"]
mod stream;
#[path = "fuzz/targets.rs"]
mod targets;
#[path = "guest/wat.rs"]
mod wat;

use aldis_abi::{Status, name};
use aldis_etcd::sink::guest::embedded_module;
use fastrand::Rng;
use rig::model;

use raw::{Compiled, Raw};
use targets::guest::{Boundary, Buffer, Call, Native, holds};
use wat::Guest;

/// Noise, and mutations of the corpus.
const SESSIONS: usize = 4000;

/// A guest as a module, with the places that it gave out.
struct Module {
    raw: Raw,
    request: usize,
    set: usize,
}

impl Module {
    fn new(compiled: &Compiled, memory_bytes: usize) -> Self {
        Self { raw: compiled.instance(memory_bytes), request: 0, set: 0 }
    }
}

impl Boundary for Module {
    /// The parameters as WebAssembly's integers, which have no sign of their own.
    fn call(&mut self, call: Call) -> Result<i64, String> {
        let raw = &mut self.raw;
        let signed = |number: u32| number.cast_signed();
        let returned: i32 = match call {
            Call::ReserveRequest(len) => {
                let place = raw.call(name::REQUEST_RESERVE, signed(len))?;
                if place > 0 {
                    self.request = place as usize;
                }
                place
            }
            Call::ReserveSet(len) => {
                let place: i32 = raw.call(name::SET_RESERVE, signed(len))?;
                self.set = place.max(0) as usize;
                place
            }
            Call::LoadImage(len) => raw.call(name::LOAD_IMAGE, signed(len))?,
            Call::LoadDocument(len, anchor) => {
                raw.call(name::LOAD_DOCUMENT, (signed(len), anchor.cast_signed()))?
            }
            Call::Evaluate(len, now) => {
                return raw.call(name::EVALUATE, (signed(len), now.cast_signed()));
            }
            Call::EvaluateBatch(len, now) => {
                raw.call(name::EVALUATE_BATCH, (signed(len), now.cast_signed()))?
            }
            Call::Explain(len, now, first) => {
                raw.call(name::EXPLAIN, (signed(len), now.cast_signed(), signed(first)))?
            }
            Call::DirectiveId(place) => raw.call(name::DIRECTIVE_ID, signed(place))?,
            Call::Info => raw.call(name::INFO, ())?,
            Call::LastError => raw.call(name::LAST_ERROR, ())?,
        };
        Ok(returned.into())
    }

    fn write(&mut self, buffer: Buffer, bytes: &[u8]) -> Result<(), String> {
        let at = if buffer == Buffer::Request { self.request } else { self.set };
        self.raw.write(at, bytes)
    }

    fn answers(&mut self, len: usize) -> Result<Vec<u8>, String> {
        self.raw.memory().get(self.request..self.request + len).map(<[u8]>::to_vec).ok_or("outside".into())
    }

    fn output(&mut self, len: usize) -> Result<Vec<u8>, String> {
        let at = usize::try_from(self.raw.call::<_, i32>(name::OUTPUT, ())?).map_err(|_| "no place")?;
        self.raw.memory().get(at..at + len).map(<[u8]>::to_vec).ok_or("outside of the memory".into())
    }
}

#[test]
fn noise_gets_statuses_and_the_module_answers_as_its_code_does_natively() {
    let module = Compiled::new(embedded_module());
    stream::over("guest", SESSIONS, |input| {
        let in_module = holds(&mut Module::new(&module, usize::MAX), input);
        assert_eq!(in_module, holds(&mut Native::default(), input));
    });
}

/// An instance lives on through what is thrown at it, so one is thrown at for long.
#[test]
fn one_instance_goes_on_through_noise_without_end() {
    let mut rng = Rng::with_seed(1);
    let mut module = Module::new(&Compiled::new(embedded_module()), usize::MAX);
    for _ in 0..1000 {
        let noise: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(1000).collect();
        drop(holds(&mut module, &noise));
    }
}

/// Each with what must be said of it: a guest by hand fails at the end of each session anyway, for it takes no set.
#[test]
fn noise_finds_a_guest_that_breaks() {
    let broken = [
        (name::EVALUATE, "unreachable", "traps: aldis_evaluate"),
        (name::EVALUATE, "(i64.const -1)", "is no decision"),
        (
            name::EVALUATE_BATCH,
            "(if (i32.lt_s (local.get $0) (i32.const 0)) (then unreachable)) (i32.const 0)",
            "traps: aldis_evaluate_batch",
        ),
        (name::LOAD_IMAGE, "(i32.const -77)", "answers -77"),
        (name::LAST_ERROR, "(i32.const 0x7fffffff)", "outside of the memory"),
        (name::SET_RESERVE, "(i32.const 0x7fffffff)", "do not fit at"),
    ];
    for (function, body, said) in broken {
        let refuses = Guest::harmless()
            .with(name::INFO, "(i32.const 64)")
            .with(name::LOAD_IMAGE, "(i32.const -7)")
            .with(name::LOAD_DOCUMENT, "(i32.const -8)")
            .with(name::LAST_ERROR, "(i32.const 1)");
        let compiled = Compiled::new(&refuses.with(function, body).wasm());
        let mut sessions = stream::inputs("guest").take(SESSIONS);
        let is_found = sessions.any(|input| {
            let session = || drop(holds(&mut Module::new(&compiled, usize::MAX), &input));
            stream::failure(session).is_some_and(|failure| failure.contains(said))
        });
        assert!(is_found, "{function} breaks, and nobody says that it {said}");
    }
}

#[test]
fn a_buffer_that_memory_has_no_room_for_is_a_status() {
    let mut module = Module::new(&Compiled::new(embedded_module()), 2 << 20);
    let out_of_memory = Ok(Status::OutOfMemory.as_i32().into());
    assert_eq!(module.call(Call::ReserveSet(4 << 20)), out_of_memory);
    assert_eq!(module.call(Call::ReserveRequest(4 << 20)), out_of_memory);
    // Ends with a load and a decision.
    drop(holds(&mut module, &[]));
}
