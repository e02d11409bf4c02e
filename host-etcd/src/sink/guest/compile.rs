//! From WebAssembly to machine code: for this process, or written down for another one.

use wasmtime::{Engine, Module};

use super::engine::{EngineError, GuestEngine, GuestLimits, config, not_a_module};
use super::precompiled::seal;

/// The guest that this library was built with: what [`GuestEngine::embedded`] compiles.
#[must_use]
pub const fn embedded_module() -> &'static [u8] {
    include_bytes!(concat!(env!("OUT_DIR"), "/aldis_guest.wasm"))
}

impl GuestEngine {
    /// Compiles the embedded guest.
    ///
    /// Cost: about a fifth of a second of one core, once per engine.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub fn embedded(limits: GuestLimits) -> Result<Self, EngineError> {
        Self::from_wasm(embedded_module(), limits)
    }

    /// Compiles a guest of your own; `wasm/ABI.md` says what it must be.
    ///
    /// Cost: one compilation.
    ///
    /// # Errors
    ///
    /// [`EngineError`]: not a module, wrong imports or exports, another version, or a first instance that breaks.
    pub fn from_wasm(module: &[u8], limits: GuestLimits) -> Result<Self, EngineError> {
        let engine = Engine::new(&config()).map_err(not_a_module)?;
        let module = Module::from_binary(&engine, module).map_err(not_a_module)?;
        Self::over(engine, &module, limits)
    }

    /// This guest's machine code, for [`deserialize`](Self::deserialize) in a later process on this machine, or on one
    /// whose processor can do all that this one can. For other machines there is [`precompile`](Self::precompile).
    ///
    /// Cost: one copy of the code.
    ///
    /// # Errors
    ///
    /// [`EngineError::Serialize`].
    pub fn serialize(&self) -> Result<Vec<u8>, EngineError> {
        let artifact = self.instances().module().serialize();
        artifact.map(|artifact| seal(&artifact)).map_err(|error| EngineError::Serialize(format!("{error:#}")))
    }

    /// Compiles a guest for any processor of a target, such as `x86_64-unknown-linux-gnu`, and to be run by
    /// [`deserialize`](Self::deserialize). Targets are those of this machine's architecture. Whether the module is a
    /// guest shows only where it is loaded.
    ///
    /// Cost: one compilation. The code does without what only newer processors can, which guests hardly notice.
    ///
    /// # Errors
    ///
    /// [`EngineError::Target`], [`EngineError::NotAModule`].
    pub fn precompile(module: &[u8], target: &str) -> Result<Vec<u8>, EngineError> {
        let no_target = |error: wasmtime::Error| EngineError::Target {
            target: target.to_owned(),
            reason: format!("{error:#}"),
        };
        let mut config = config();
        config.target(target).map_err(no_target)?;
        let engine = Engine::new(&config).map_err(no_target)?;
        engine.precompile_module(module).map(|artifact| seal(&artifact)).map_err(not_a_module)
    }
}
