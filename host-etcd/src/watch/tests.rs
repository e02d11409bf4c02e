//! Each transition on its own. `tests/watch_sim.rs` lets them meet.

mod bench;
mod held;
mod liveness;
mod resume;
mod retry;
mod start;
mod verify;
