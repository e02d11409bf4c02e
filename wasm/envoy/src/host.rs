//! What the filter needs of whoever hosts it.

use alloc::vec::Vec;

use aldis_core::UnixMillis;

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something that operators may want to know.
    Info,
    /// Something went wrong, and what was good stays in force.
    Warn,
    /// A configuration is refused.
    Error,
}

/// What a metric does with the numbers it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Adds them up.
    Counter,
    /// Keeps the last.
    Gauge,
}

/// The calls of the proxy-wasm ABI that the filter makes. None of them blocks, and a call that the host refuses is an
/// absent result, never a trap.
pub trait Host {
    /// Writes a line to the proxy's log.
    fn log(&self, level: Level, line: &str);
    /// The wall clock; `None` if there is none.
    fn now(&self) -> Option<UnixMillis>;
    /// Has `on_tick` called every so many milliseconds, for the current plugin.
    fn tick_every(&self, millis: u32);
    /// The current plugin's configuration, as it was written.
    fn configuration(&self) -> Vec<u8>;

    /// The request's headers as one block, in the layout of the ABI.
    fn request_headers(&self) -> Vec<u8>;
    /// Adds a header to the request, beside those of that name if there are any.
    fn add_header(&self, name: &str, value: &[u8]);
    /// Sets a header of the request; every copy that was there is gone.
    fn set_header(&self, name: &str, value: &[u8]);
    /// Removes every copy of a header of the request.
    fn remove_header(&self, name: &str);
    /// A property of the request or its connection; its path joined by zero bytes.
    fn property(&self, path: &[u8]) -> Option<Vec<u8>>;
    /// Sets a property of the request. Envoy keeps it as filter state, under `wasm.` and this name.
    fn set_property(&self, name: &str, value: &[u8]);

    /// What all VMs of the proxy share under a key, and the number of that version for [`set_shared`](Self::set_shared).
    fn shared(&self, key: &str) -> Option<(Vec<u8>, u32)>;
    /// Shares a value. With a version only if it is still the present one; with zero in any case. Says whether it is shared.
    fn set_shared(&self, key: &str, value: &[u8], version: u32) -> bool;

    /// Sends a request without a body to a cluster; `None` if there is no such cluster. The token comes back with the answer.
    fn call(&self, cluster: &str, headers: &[(&str, &str)], timeout_ms: u32) -> Option<u32>;
    /// While an answer is handed over: its headers as one block.
    fn answer_headers(&self) -> Vec<u8>;
    /// While an answer is handed over: its body.
    fn answer_body(&self, len: usize) -> Vec<u8>;

    /// The handle of a metric, which all VMs of the proxy share.
    fn metric(&self, metric: Metric, name: &str) -> Option<u32>;
    /// Adds to a counter.
    fn add(&self, counter: u32, number: u64);
    /// Sets a gauge.
    fn set(&self, gauge: u32, number: u64);
}
