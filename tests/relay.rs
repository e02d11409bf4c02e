//! The relay over HTTP, in this process and on the embedded backend: what it answers, to whom, and what it does not let
//! anybody do.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on ends, saying why"
)]

#[path = "relay/admin.rs"]
mod admin;
#[path = "relay/asking.rs"]
mod asking;
#[path = "relay/clocks.rs"]
mod clocks;
#[path = "relay/delivering.rs"]
mod delivering;
#[path = "relay/ending.rs"]
mod ending;
#[path = "relay/events.rs"]
mod events;
#[path = "relay/fixture.rs"]
mod fixture;
#[path = "relay/following.rs"]
mod following;
#[path = "relay/hostile.rs"]
mod hostile;
#[path = "state_directory/machine.rs"]
mod machine;
#[path = "relay/probing.rs"]
mod probing;
#[path = "relay/publishing.rs"]
mod publishing;
#[path = "relay/tiers.rs"]
mod tiers;
#[path = "relay/vectors.rs"]
mod vectors;
