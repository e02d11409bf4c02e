//! The page in a real Chromium, used as a person would: with a keyboard, a mouse, and mistakes.
//! `ALDIS_SCREENSHOTS=folder` keeps pictures of it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on ends, saying why"
)]

#[path = "web/page/accessible.rs"]
mod accessible;
#[path = "web/page/hostile.rs"]
mod hostile;
#[path = "web/page/large.rs"]
mod large;
#[path = "web/page/live.rs"]
mod live;
#[path = "web/page/trying.rs"]
mod trying;
#[path = "web/page/visitor.rs"]
mod visitor;
#[path = "web/page/writing.rs"]
mod writing;
