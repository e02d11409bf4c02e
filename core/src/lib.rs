//! The core of Aldis: what a diagnostics directive *is*, how it is read, and what it decides.
//!
//! Bytes of a document go in, a [`DirectiveSet`] comes out; a [`Request`] and a point in time go in, a
//! [`Decision`] comes out. The same code is compiled natively and to WebAssembly, so the same document, the same
//! request and the same `now` give the same decision in every engine.
//!
//! ```
//! use aldis_core::{DiagLevel, DirectiveSet, Request, UnixMillis};
//!
//! let now = UnixMillis::new(1_800_000_000_000);
//! let set = DirectiveSet::decode(
//!     br#"{"directives":[{"id":"acme","level":"Shape","ttl_secs":60,"tenant":"acme"}]}"#,
//!     now,
//! )?;
//! let decision = set.evaluate(&Request { tenant: Some("acme"), ..Request::EMPTY }, now);
//! assert_eq!(decision.level, DiagLevel::Shape);
//! # Ok::<(), aldis_core::DecodeError>(())
//! ```
//!
//! This crate does no I/O, reads no clock, does not panic and holds no `unsafe`. It needs an allocator to decode
//! and none to evaluate. The feature `std` (on by default) adds the [`store`](DirectiveStore) seam.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod compile;
mod decision;
mod decode;
mod directive;
mod error;
mod evaluate;
mod explain;
mod field;
mod hash;
mod image;
mod judge;
pub mod limits;
mod request;
mod set;
#[cfg(feature = "std")]
mod store;
mod time;
mod traceparent;
mod vocabulary;

pub use decision::Decision;
pub use decode::decode;
pub use directive::{Directive, DirectiveIndex, Sampling, StrList, Target};
pub use error::{CompileError, DecodeError, ImageError, Reason};
pub use explain::{Explanation, Outcome};
pub use field::Field;
pub use judge::WhyNot;
pub use request::{FactSet, Request, RequestFacts};
pub use set::DirectiveSet;
#[cfg(feature = "std")]
pub use store::{DirectiveStore, InMemoryDirectiveStore};
pub use time::UnixMillis;
pub use traceparent::Traceparent;
pub use vocabulary::{DiagLevel, EndpointKind, EndpointSet, SampleBy};
