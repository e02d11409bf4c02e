//! Streams over the embedded backend, in virtual time: what a subscription yields, and what it survives.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on ends, saying why"
)]

#[path = "watch_store/faulty.rs"]
mod faulty;
#[path = "stream/replica.rs"]
mod replica;
#[path = "stream/subscribing.rs"]
mod subscribing;
#[path = "stream/weather.rs"]
mod weather;
