//! Whatever a host throws at the boundary, a status comes back: never a trap.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    reason = "lengths here are small, or wrong on purpose"
)]

#[path = "guest/wat.rs"]
mod wat;

use aldis_abi::{Answer, Facts, MEMORY, STAMP_BYTES, Status, encode, name, put_frame_len};
use aldis_core::{DirectiveSet, UnixMillis};
use aldis_etcd::sink::guest::embedded_module;
use fastrand::Rng;
use wasmtime::{
    Engine, Instance, Memory, Module, Store, StoreLimits, StoreLimitsBuilder, WasmParams, WasmResults,
};

use wat::Guest;

const NOW: u64 = 1_800_000_000_000;
const STEPS: usize = 30_000;
const DOCUMENT: &str = r#"{"directives":[{"id":"acme","level":"Shape","ttl_secs":600,"tenant":"acme",
    "labels":{"k":"v"},"sample_per_mille":500,"salt":"s","endpoints":["Search","Count"]}]}"#;

/// A host without manners. It writes only where the guest let it, for the rest is not the boundary's promise.
struct Host {
    store: Store<StoreLimits>,
    instance: Instance,
    memory: Memory,
    request: (usize, usize),
    set: (usize, usize),
    rng: Rng,
}

#[test]
fn noise_gets_statuses_and_the_guest_goes_on() {
    for seed in 0..4 {
        let mut host = Host::new(embedded_module(), seed, usize::MAX);
        for step in 0..STEPS {
            host.step().unwrap_or_else(|what| panic!("seed {seed}, step {step}: {what}"));
        }
        host.assert_still_decides();
    }
}

#[test]
fn noise_finds_a_guest_that_breaks() {
    let broken = [
        (name::EVALUATE, "unreachable"),
        (name::EVALUATE, "(i64.const -1)"),
        (
            name::EVALUATE_BATCH,
            "(if (i32.eq (local.get $0) (i32.const -1)) (then unreachable)) (i32.const 0)",
        ),
        (name::LOAD_IMAGE, "(i32.const -77)"),
        (name::LAST_ERROR, "(i32.const 0x7fffffff)"),
    ];
    for (function, body) in broken {
        let mut host = Host::new(&Guest::harmless().with(function, body).wasm(), 0, usize::MAX);
        assert!((0..STEPS).any(|_| host.step().is_err()), "{function} breaks, and nobody notices");
    }
}

#[test]
fn a_buffer_that_memory_has_no_room_for_is_a_status() {
    let mut host = Host::new(embedded_module(), 0, 2 << 20);
    assert_eq!(host.call::<_, i32>(name::SET_RESERVE, 4 << 20), Ok(Status::OutOfMemory.as_i32()));
    assert_eq!(host.call::<_, i32>(name::REQUEST_RESERVE, 4 << 20), Ok(Status::OutOfMemory.as_i32()));
    host.assert_still_decides();
}

impl Host {
    fn new(module: &[u8], seed: u64, memory_bytes: usize) -> Self {
        let engine = Engine::default();
        let limits = StoreLimitsBuilder::new().memory_size(memory_bytes).build();
        let mut store = Store::new(&engine, limits);
        store.limiter(|limits| limits);
        let module = Module::from_binary(&engine, module).expect("is a module");
        let instance = Instance::new(&mut store, &module, &[]).expect("imports nothing");
        let memory = instance.get_memory(&mut store, MEMORY).expect("exports its memory");
        Self { store, instance, memory, request: (0, 0), set: (0, 0), rng: Rng::with_seed(seed) }
    }

    /// One call with whatever comes to mind.
    fn step(&mut self) -> Result<(), String> {
        match self.rng.u8(..12) {
            0 => {
                let asked = self.asked();
                self.reserve_request(asked)
            }
            1 => {
                let asked = self.asked();
                self.reserve_set(asked)
            }
            2 => self.scribble(),
            3 => self.write_request(),
            4 | 5 => self.load(),
            6 => {
                let (len, now) = (self.len(), self.now());
                let packed = self.call::<_, i64>(name::EVALUATE, (len, now))?;
                Answer::unpack(packed.cast_unsigned())
                    .map(|_| ())
                    .map_err(|_| format!("decision {packed:#x}"))
            }
            7 => {
                let args = (self.len(), self.now());
                self.number(name::EVALUATE_BATCH, args)
            }
            8 => {
                let args = (self.len(), self.now(), self.rng.i32(..));
                self.output(name::EXPLAIN, args)
            }
            9 => self.output(name::INFO, ()),
            10 => self.output(name::LAST_ERROR, ()),
            _ => {
                let place = self.rng.i32(-2..4);
                self.output(name::DIRECTIVE_ID, place)
            }
        }
    }

    /// Lengths at every kind of edge.
    fn asked(&mut self) -> i32 {
        match self.rng.u8(..8) {
            0 => self.rng.i32(..),
            1 => i32::MIN,
            2 => -1,
            3 => (16 << 20) + self.rng.i32(-1..=1),
            4 => (64 << 20) + self.rng.i32(1..=2),
            _ => self.rng.i32(..2000),
        }
    }

    fn len(&mut self) -> i32 {
        if self.rng.u8(..4) == 0 { self.asked() } else { self.rng.i32(..200) }
    }

    fn now(&mut self) -> i64 {
        if self.rng.bool() { NOW.cast_signed() } else { self.rng.i64(..) }
    }

    fn reserve_request(&mut self, len: i32) -> Result<(), String> {
        if let Some(at) = self.place(name::REQUEST_RESERVE, len)? {
            self.request = (at, len as usize);
        }
        Ok(())
    }

    fn reserve_set(&mut self, len: i32) -> Result<(), String> {
        self.set = self.place(name::SET_RESERVE, len)?.map_or((0, 0), |at| (at, len as usize));
        Ok(())
    }

    fn place(&mut self, function: &str, len: i32) -> Result<Option<usize>, String> {
        match Status::split(self.call(function, len)?) {
            Ok(at) if len >= 0 && at > 0 => Ok(Some(at as usize)),
            Err(Some(Status::TooLarge | Status::OutOfMemory)) => Ok(None),
            other => Err(format!("{function}({len}) answers {other:?}")),
        }
    }

    /// Noise into the request buffer.
    fn scribble(&mut self) -> Result<(), String> {
        let (at, len) = self.request;
        let noise = self.noise(len.min(300));
        self.write(at, &noise)
    }

    fn noise(&mut self, most: usize) -> Vec<u8> {
        let len = self.rng.usize(..=most);
        std::iter::repeat_with(|| self.rng.u8(..)).take(len).collect()
    }

    /// A good request, or a batch of them, with a byte or two changed.
    fn write_request(&mut self) -> Result<(), String> {
        let facts = Facts {
            tenant: Some("acme"),
            index: None,
            principal: Some("ü"),
            request_id: Some("0123456789"),
            trace_id: None,
            endpoint: Some(self.rng.u8(..14)),
            labels: &[("k", "v"); 20][..self.rng.usize(..20)],
        };
        let mut bytes = vec![0; 400];
        let frame = if self.rng.bool() { 4 } else { 0 };
        let len = encode(&facts, &mut bytes[frame..]).expect("fits");
        if frame > 0 {
            put_frame_len(&mut bytes, len).expect("fits");
        }
        bytes.truncate(frame + len);
        self.strike(&mut bytes);
        self.reserve_request(bytes.len() as i32)?;
        self.write(self.request.0, &bytes)
    }

    /// A document or an image, mostly damaged, with a length that is mostly right.
    fn load(&mut self) -> Result<(), String> {
        let image = DirectiveSet::decode(DOCUMENT.as_bytes(), UnixMillis::new(NOW)).expect("is a document");
        let by_image = self.rng.bool();
        let mut body = if by_image { image.as_image().to_vec() } else { DOCUMENT.as_bytes().to_vec() };
        self.strike(&mut body);
        if self.rng.u8(..8) == 0 {
            body = self.noise(400);
        }
        body.extend([7; STAMP_BYTES]);
        let mut len = body.len() as i32;
        self.reserve_set(len)?;
        self.write(self.set.0, &body)?;
        if self.rng.u8(..6) == 0 {
            len = self.asked();
        }
        self.set = (0, 0);
        let anchor = self.now();
        if by_image {
            self.number(name::LOAD_IMAGE, len)
        } else {
            self.number(name::LOAD_DOCUMENT, (len, anchor))
        }
    }

    fn strike(&mut self, bytes: &mut [u8]) {
        for _ in 0..self.rng.usize(..3) {
            if let Some(byte) = self.rng.choice(bytes.iter_mut()) {
                *byte = self.rng.u8(..);
            }
        }
    }

    /// A call whose result must be a count or a known status.
    fn number(&mut self, function: &str, params: impl WasmParams) -> Result<(), String> {
        match Status::split(self.call(function, params)?) {
            Ok(_) | Err(Some(_)) => Ok(()),
            Err(None) => Err(format!("{function} answers no status")),
        }
    }

    /// A call that fills the output, which must lie in the memory.
    fn output(&mut self, function: &str, params: impl WasmParams) -> Result<(), String> {
        let Ok(len) = Status::split(self.call(function, params)?) else { return Ok(()) };
        let at = Status::split(self.call(name::OUTPUT, ())?).map_err(|_| "no place".to_string())?;
        let output = self.memory.data(&self.store).get(at as usize..(at + len) as usize);
        std::str::from_utf8(output.ok_or("output outside of the memory")?)
            .map(|_| ())
            .or_else(|_| if function == name::INFO { Ok(()) } else { Err(format!("{function} is not text")) })
    }

    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), String> {
        self.memory
            .write(&mut self.store, at, bytes)
            .map_err(|_| format!("{} bytes do not fit at {at}", bytes.len()))
    }

    fn call<P: WasmParams, R: WasmResults>(&mut self, function: &str, params: P) -> Result<R, String> {
        let typed = self.instance.get_typed_func(&mut self.store, function).expect("is exported");
        typed.call(&mut self.store, params).map_err(|trap| format!("{function}: {trap:#}"))
    }

    fn assert_still_decides(&mut self) {
        let body =
            [br#"{"directives":[{"id":"a","level":"Shape","ttl_secs":9}]}"#.as_slice(), &[0; 40]].concat();
        self.reserve_set(body.len() as i32).unwrap();
        self.write(self.set.0, &body).unwrap();
        let len = body.len() as i32;
        assert_eq!(self.call::<_, i32>(name::LOAD_DOCUMENT, (len, NOW.cast_signed())), Ok(1));
        self.reserve_request(16).unwrap();
        self.write(self.request.0, &[0; 16]).unwrap();
        assert_eq!(self.call::<_, i64>(name::EVALUATE, (16, NOW.cast_signed())), Ok(1 << 32));
    }
}
