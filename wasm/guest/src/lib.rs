//! The core of Aldis as a WebAssembly module: zero imports, packed integers in and out, status codes instead of traps.
//! `wasm/ABI.md` describes the boundary for hosts in any language.
//!
//! ```text
//! cargo build -p aldis-guest --target wasm32v1-none --profile guest
//! ```
//!
//! What the exports do is [`Guest`], plain safe code that native tests call too. Only on WebAssembly is there a
//! second file, with the exports themselves, the allocator and all of the crate's `unsafe`.

#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

mod buffers;
mod explain;
#[cfg(target_arch = "wasm32")]
#[expect(unsafe_code, reason = "exports need fixed symbols, and one static holds the state between calls")]
mod exports;
mod facts;
mod guest;

pub use guest::Guest;
