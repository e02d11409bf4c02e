//! The reference beside us: `osproxy-observe` 1.0.5, the published crate. What it takes and means exactly, we take and
//! mean the same; what it takes and misreads, we refuse, for the reasons that `tests/vectors/README.md` lists and no
//! others.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends, saying why")]

#[path = "differential/classes.rs"]
mod classes;
#[path = "differential/document.rs"]
mod document;
#[path = "differential/mangle.rs"]
mod mangle;
#[path = "differential/only_theirs.rs"]
mod only_theirs;
#[path = "differential/reference.rs"]
mod reference;
#[path = "differential/same.rs"]
mod same;
#[path = "differential/sink.rs"]
mod sink;
