//! The watch under any weather, in virtual time. Seeded: a failing seed is run again with a trace, and says how to replay
//! it.
//!
//! A run is a day (or less), made of storms and calm. In a storm anything may happen — cuts, delays, black holes,
//! replays, lost events, compaction, restores, panics, pauses, steps of the clock: [`Fault`] names them all — and at
//! every step what readers see must be a state that the server really had, and must not go back. Then the faults stop,
//! and the copy must be the present state within a stated time. In the calm that follows nothing may break, every
//! change must be seen at once, and every directive is on and off when a naive model says so. A ceiling on steps makes a
//! livelock fail instead of hanging.
//!
//! Under test are the machine, the mirror and the clock of `aldis-etcd`, as they are. The server, the link, and what
//! the backend and the driver do (merging fragments, reading pages, dropping what belongs to an old connection) are
//! models, and so are the readers.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a simulation that finds a fault ends, saying which"
)]

mod arrivals;
mod bounds;
mod client;
mod crowd;
mod documents;
mod happenings;
mod lifetimes;
mod link;
mod run;
mod server;
mod service;
mod shown;
mod tally;
mod time;
mod trace;
mod weather;
mod world;

pub use crowd::Crowd;
pub use run::{Day, Failure, run, seeds, traced};
pub use tally::{Fault, Tally};
