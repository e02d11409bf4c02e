//! The rig: what the tests of Aldis stand on. A real etcd that can be killed, frozen, wiped and restored, three of them
//! as a cluster, a scripted one for what real ones rarely do, a real Envoy between an upstream that echoes and a relay that
//! says what a test wants, links that can be cut, delayed and turned into a black
//! hole, and patience that ends with a reason.
//!
//! For tests only: everything here panics with the remedy when it cannot go on, and listens on loopback alone.

#![allow(clippy::must_use_candidate, reason = "many calls are made for what they do to a process")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test rig that cannot go on ends the test, saying why"
)]

pub mod browser;
pub mod cluster;
pub mod envoy;
pub mod etcd;
pub mod generate;
pub mod golden;
pub mod http;
pub mod link;
pub mod model;
pub mod ordeal;
pub mod relay;
pub mod scripted;
pub mod site;
pub mod stall;
pub mod tls;
pub mod upstream;
pub mod vectors;
pub mod wire;

mod open_files;
mod port;
mod say;
mod wait;

pub use open_files::open_files;
pub use say::say;
pub use wait::{eventually, eventually_blocking};
