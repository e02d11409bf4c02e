//! What the Aldis guest and its hosts agree on: the exports, the status codes, and the layout of every byte that
//! crosses the boundary. `wasm/ABI.md` says the same in words, for hosts that are not written in Rust.
//!
//! Both sides use this crate, so an encoder and its decoder cannot drift apart. Nothing here allocates, panics or
//! trusts its input: whatever bytes the other side hands over, a decoder answers with a value or with an error.

#![no_std]
#![forbid(unsafe_code)]

mod batch;
mod bytes;
mod decision;
mod exports;
mod info;
mod limits;
mod request;
mod stamp;
mod status;

pub use batch::{FRAME_BYTES, next_frame, put_frame_len};
pub use decision::{ANSWER_BYTES, Answer, Nonsense};
pub use exports::{FUNCTIONS, Function, MEMORY, ValueType, name};
pub use info::{INFO_BYTES, Info};
pub use limits::{EXPLAIN_LINES, MAX_REQUEST_BUFFER, MAX_SET_BUFFER, VERSION};
pub use request::{EncodeError, Facts, HEADER_BYTES, Labels, MalformedRequest, RequestView, decode, encode};
pub use stamp::{STAMP_BYTES, Stamp};
pub use status::Status;
