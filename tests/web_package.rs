//! The package for JavaScript in Node: what it means, what it weighs, and that it gives back what it takes.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on ends, saying why"
)]

#[path = "web/asked.rs"]
mod asked;
#[path = "web/example.rs"]
mod example;
#[path = "web/node.rs"]
mod node;
#[path = "web/package.rs"]
mod package;
