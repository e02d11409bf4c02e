//! The host of Aldis: keeps a local copy of the directives that are published under etcd, fresh by a watch, and hands
//! it to whoever asks once per request.
//!
//! The data goes one way, one room each: [`kv`] (etcd or memory) → [`watch`] (the pure state machine) → [`mirror`]
//! (last good document per key) → [`sink`] (the native cache, guests, disk) → per request one load and one evaluation.
//! [`status`] is what the store knows about itself, `driver` runs the watch; [`EtcdDirectiveStore`] is what people use.
//! [`stream`] offers the same watch to programs that follow keys of their own. For fleets with more tenants than an
//! instance should watch, [`on_demand`] reads a tenant's document at first need.

#[cfg(feature = "relay")]
mod answer;
pub mod backoff;
#[cfg(feature = "cli")]
pub mod cli;
pub mod clock;
mod driver;
#[cfg(feature = "relay")]
mod duration;
pub mod fetch_cache;
pub mod kv;
#[cfg(feature = "layer")]
pub mod layer;
pub mod meter;
pub mod mirror;
pub mod on_demand;
pub mod publish;
#[cfg(feature = "relay")]
pub mod relay;
pub mod sink;
pub mod source;
pub mod status;
mod store;
pub mod stream;
#[cfg(feature = "relay")]
mod upstream;
pub mod watch;
#[cfg(feature = "relay")]
mod wire;

pub use aldis_core::{Decision, DiagLevel, DirectiveSet, DirectiveStore, EndpointKind, Request, UnixMillis};
pub use mirror::{Digest, Refusal, RefusalCause, Snapshot};
pub use on_demand::{OnDemandBuilder, OnDemandDirectives};
pub use sink::{Sink, SinkError, StateError};
pub use status::{Change, Changes, State, Status};
pub use store::{Builder, DEFAULT_SCOPE, EndpointFailure, EtcdDirectiveStore, Reader, StartError};

/// The samples of the front page, held to compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct FrontPage;
