//! The module, as machine code, and what every instance of it is held to.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::{Config, Engine, InstancePre, Linker, Module, StoreLimits, StoreLimitsBuilder};

use super::budget::Budget;
use super::contract::{ContractError, check_contract};
use super::fault::{Fault, GuestError};
use super::instance::GuestInstance;
use super::precompiled::PrecompiledError;
use super::ticker::Ticker;

/// What an instance may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestLimits {
    /// Bytes of linear memory of one instance.
    pub memory_bytes: usize,
    /// How long one evaluation may run before it is stopped; exact to 20 ms, and never less than 30 ms. On Unix this is
    /// time of the processor: time in which the system runs something else instead does not count.
    pub call_deadline: Duration,
    /// How long one load of a set may run, and one explanation; likewise.
    pub load_deadline: Duration,
}

impl GuestLimits {
    /// For sets of any legal size; the deadlines are far above what a call takes.
    pub const STANDARD: Self = Self {
        memory_bytes: 256 << 20,
        call_deadline: Duration::from_millis(50),
        load_deadline: Duration::from_secs(2),
    };
}

/// Function tables hold the targets of indirect calls, a few hundred in our guest.
const MAX_TABLE_ELEMENTS: usize = 10_000;

/// Of the *host* thread that calls. Far below the usual 2 MiB, and more than our guest needs: its own stack lies in
/// its memory.
const MAX_STACK_BYTES: usize = 256 << 10;

/// A guest module as machine code: compiled here, or loaded as what was compiled before. Cloning shares it.
#[derive(Clone)]
pub struct GuestEngine(Arc<Inner>);

struct Inner {
    engine: Engine,
    instances: InstancePre<Budget>,
    limits: GuestLimits,
    _ticker: Ticker,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The bytes are not a module that wasmtime compiles.
    #[error("not a WebAssembly module: {0}")]
    NotAModule(String),
    /// Guests are not compiled for this target here.
    #[error("guests cannot be compiled for the target `{target}`: {reason}")]
    Target {
        /// The target as it was named.
        target: String,
        /// What wasmtime says.
        reason: String,
    },
    /// What is compiled cannot be written down.
    #[error("the compiled guest cannot be serialized: {0}")]
    Serialize(String),
    /// The bytes are not a precompiled guest for this host.
    #[error(transparent)]
    Precompiled(#[from] PrecompiledError),
    /// It is a module, but not a guest.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// It speaks another version of the boundary.
    #[error("the guest speaks version {0} of the ABI, this host version {version}", version = aldis_abi::VERSION)]
    Version(i32),
    /// A first instance did not come to life.
    #[error(transparent)]
    Start(#[from] Fault),
    /// The thread for deadlines could not be started.
    #[error("no thread for the deadlines of guests")]
    Ticker(#[from] io::Error),
}

impl GuestEngine {
    /// An engine of this module, if that is a guest: the way in for compiled and for precompiled ones.
    pub(super) fn over(engine: Engine, module: &Module, limits: GuestLimits) -> Result<Self, EngineError> {
        check_contract(module)?;
        let instances = Linker::new(&engine).instantiate_pre(module).map_err(not_a_module)?;
        let ticker = Ticker::start(engine.clone())?;
        let guest = Self(Arc::new(Inner { engine, instances, limits, _ticker: ticker }));
        match guest.instantiate()?.abi_version()? {
            aldis_abi::VERSION => Ok(guest),
            other => Err(EngineError::Version(other)),
        }
    }

    /// A fresh instance, which holds no set. For one thread; [`GuestSink`](super::GuestSink) is for many.
    ///
    /// Cost: a few microseconds, and the memory of an empty guest.
    ///
    /// # Errors
    ///
    /// [`Fault`], if the module does not fit into its limits or breaks while it starts.
    pub fn instantiate(&self) -> Result<GuestInstance, Fault> {
        GuestInstance::new(self)
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(super) fn instances(&self) -> &InstancePre<Budget> {
        &self.0.instances
    }

    pub(super) fn store_limits(&self) -> StoreLimits {
        StoreLimitsBuilder::new()
            .memory_size(self.0.limits.memory_bytes)
            .table_elements(MAX_TABLE_ELEMENTS)
            .instances(1)
            .memories(1)
            .tables(1)
            .build()
    }

    pub(super) fn limits(&self) -> &GuestLimits {
        &self.0.limits
    }
}

impl fmt::Debug for GuestEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuestEngine").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}

/// How guests are compiled and run. What is precompiled by one configuration does not load into another.
pub(super) fn config() -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true).max_wasm_stack(MAX_STACK_BYTES);
    // A trap is counted and its reason kept; walking the guest's stack for every one would only make a guest that
    // always traps dearer.
    config.wasm_backtrace_max_frames(None);
    // What guests do not need, a hostile one does not get.
    config.wasm_memory64(false).wasm_multi_memory(false).wasm_relaxed_simd(false);
    config
}

pub(super) fn not_a_module(error: wasmtime::Error) -> EngineError {
    EngineError::NotAModule(format!("{error:#}"))
}

impl From<GuestError> for EngineError {
    fn from(error: GuestError) -> Self {
        match error {
            GuestError::Fault(fault) => Self::Start(fault),
            GuestError::Refused { .. } | GuestError::TooLong => {
                Self::Start(Fault::Nonsense("a status for a version"))
            }
        }
    }
}
