//! A guest without the host's care: the module in wasmtime, its exports and its memory, nothing in between.

#![allow(dead_code, reason = "each test takes what it needs")]

use aldis_abi::MEMORY;
use wasmtime::{
    Engine, Instance, Memory, Module, Store, StoreLimits, StoreLimitsBuilder, WasmParams, WasmResults,
};

/// A compiled module. Compiling takes long, instances cost next to nothing.
pub(crate) struct Compiled(Module);

impl Compiled {
    pub(crate) fn new(wasm: &[u8]) -> Self {
        Self(Module::from_binary(&Engine::default(), wasm).expect("is a module"))
    }

    pub(crate) fn instance(&self, memory_bytes: usize) -> Raw {
        let limits = StoreLimitsBuilder::new().memory_size(memory_bytes).build();
        let mut store = Store::new(self.0.engine(), limits);
        store.limiter(|limits| limits);
        let instance = Instance::new(&mut store, &self.0, &[]).expect("imports nothing");
        let memory = instance.get_memory(&mut store, MEMORY).expect("exports its memory");
        Raw { store, instance, memory }
    }
}

/// An instance.
pub(crate) struct Raw {
    store: Store<StoreLimits>,
    instance: Instance,
    memory: Memory,
}

impl Raw {
    /// Calls an export; an error is a trap.
    pub(crate) fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        function: &str,
        params: P,
    ) -> Result<R, String> {
        let typed = self.instance.get_typed_func(&mut self.store, function).expect("is exported");
        typed.call(&mut self.store, params).map_err(|trap| format!("{function}: {trap:#}"))
    }

    pub(crate) fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), String> {
        let written = self.memory.write(&mut self.store, at, bytes);
        written.map_err(|_| format!("{} bytes do not fit at {at}", bytes.len()))
    }

    /// Everything that the guest holds.
    pub(crate) fn memory(&self) -> &[u8] {
        self.memory.data(&self.store)
    }
}
