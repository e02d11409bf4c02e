//! The host of Aldis: keeps a local copy of the directives that are published under etcd, fresh by a watch, and hands
//! it to whoever asks once per request.
//!
//! The data goes one way, one room each: [`kv`] (etcd or memory) → [`watch`] (the pure state machine) → [`mirror`]
//! (last good document per key) → [`sink`] (the native cache, guests) → per request one load and one evaluation.
//! `driver` is the only place that spawns and selects; [`EtcdDirectiveStore`] is what people use.

// In the order of the house: each file imports only from those above it.
pub mod kv;
pub mod clock;
pub mod backoff;
pub mod watch;
pub mod mirror;
pub mod status;
pub mod sink;
mod driver;
mod store;
pub mod publish;
pub mod source;
#[cfg(feature = "cli")]
pub mod cli;

pub use aldis_core::{Decision, DiagLevel, DirectiveSet, DirectiveStore, EndpointKind, Request, UnixMillis};
pub use mirror::{Digest, Refusal, RefusalCause, Snapshot};
pub use sink::{Sink, SinkError};
pub use status::{Change, Changes, State, Status};
pub use store::{Builder, EndpointFailure, EtcdDirectiveStore, Reader, StartError};

