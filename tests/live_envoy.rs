//! The filter in a real Envoy with two workers, fed by a relay whose answers the tests choose, and by a real one that follows
//! a real etcd, in front of an upstream that tells what it sees.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails says where"
)]

#[path = "live_envoy/configured.rs"]
mod configured;
#[path = "live_envoy/etcd.rs"]
mod etcd;
#[path = "live_envoy/flip.rs"]
mod flip;
#[path = "live_envoy/mapped.rs"]
mod mapped;
#[path = "live_envoy/memory.rs"]
mod memory;
#[path = "live_envoy/module.rs"]
mod module;
#[path = "live_envoy/outage.rs"]
mod outage;
#[path = "xtask/src/envoy/placed.rs"]
mod placed;
#[path = "live_envoy/readme.rs"]
mod readme;
#[path = "live_envoy/scene.rs"]
mod scene;
#[path = "live_envoy/spoofed.rs"]
mod spoofed;
#[path = "live_envoy/told.rs"]
mod told;
#[path = "live_envoy/trapped.rs"]
mod trapped;
#[path = "live_envoy/vectors.rs"]
mod vectors;
