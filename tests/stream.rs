//! Streams over the embedded backend, in virtual time: what a subscription yields and a publisher writes, and what both
//! survive.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on ends, saying why"
)]

#[path = "watch_store/faulty.rs"]
mod faulty;
#[path = "stream/leased_weather.rs"]
mod leased_weather;
#[path = "stream/leasing.rs"]
mod leasing;
#[path = "stream/misbehaving.rs"]
mod misbehaving;
#[path = "stream/publishing.rs"]
mod publishing;
#[path = "stream/refused.rs"]
mod refused;
#[path = "stream/replica.rs"]
mod replica;
#[path = "stream/subscribing.rs"]
mod subscribing;
#[path = "stream/troubled.rs"]
mod troubled;
#[path = "stream/weather.rs"]
mod weather;
