//! What a recorder and a subscriber are told in a run in which everything happens: all that is documented, nothing else,
//! and nothing of any document.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends, saying why")]

#[allow(dead_code, reason = "only some of its faults are wanted here")]
#[path = "watch_store/faulty.rs"]
mod faulty;
#[path = "observed/metrics.rs"]
mod metrics;
#[allow(dead_code, reason = "only some of its moods are wanted here")]
#[path = "on_demand/reader.rs"]
mod reader;
#[path = "guest/snapshots.rs"]
mod snapshots;
#[path = "observed/spans.rs"]
mod spans;
#[path = "observed/story.rs"]
mod story;
#[path = "guest/wat.rs"]
mod wat;

/// What documents and keys hold in the run, and nobody else is to see.
const PLANTED: [&str; 5] =
    ["planted-prefix", "planted-tenant", "planted-directive", "planted-index", "planted-value"];

/// Which of what is planted this text holds.
fn planted_in(text: &str) -> Option<&'static str> {
    PLANTED.into_iter().find(|planted| text.contains(planted))
}
