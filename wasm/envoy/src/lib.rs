//! The core of Aldis as a filter for Envoy, by the proxy-wasm ABI 0.2.1. `README.md` says how to deploy it.
//!
//! ```text
//! cargo build -p aldis-envoy --target wasm32v1-none --profile guest
//! ```
//!
//! What the filter does is [`Filter`], plain safe code over the trait [`Host`], so that native tests run it against a
//! host of their own. Only on WebAssembly are there the host that Envoy is, the exports, the allocator and all of the
//! crate's `unsafe`.
//!
//! The ABI is spoken here and not through the `proxy-wasm` crate. That one tells answers to HTTP calls apart by their token
//! alone, while Envoy counts tokens for each plugin anew: two plugins in one VM, or one that was configured anew while a
//! poll was under way, end in a panic, and that takes the VM down. It panics as well at a header that is not UTF-8, and it
//! exports every callback, so that Envoy crosses into the VM eight times a request where three times are enough.

#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

mod answer;
mod attribute;
mod block;
mod config;
#[cfg(target_arch = "wasm32")]
#[expect(
    unsafe_code,
    reason = "imports are foreign functions, and what they return is memory that the host filled"
)]
mod envoy;
#[cfg(target_arch = "wasm32")]
#[expect(unsafe_code, reason = "exports need fixed symbols, and one static holds the state between calls")]
mod exports;
mod filter;
mod host;
mod instance;
mod jitter;
mod lease;
pub mod limits;
mod mapping;
mod needs;
mod outputs;
mod poller;
mod record;
mod roll;
mod root;
mod shared;
mod stats;
mod wanted;

pub use config::{Config, ConfigError};
pub use filter::Filter;
pub use host::{Host, Level, Metric};
