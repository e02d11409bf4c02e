//! Waiting for something to become true, with an end to patience.

use std::thread;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(10);

/// Waits until `condition` holds, looking every 10 ms, and lets other tasks of the runtime go on meanwhile.
///
/// # Panics
///
/// After `patience`, naming `what` did not come true.
pub async fn eventually(what: &str, patience: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        give_up_after(what, start, patience);
        tokio::time::sleep(PAUSE).await;
    }
}

/// The same for tests without a runtime.
///
/// # Panics
///
/// As [`eventually`].
pub fn eventually_blocking(what: &str, patience: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        give_up_after(what, start, patience);
        thread::sleep(PAUSE);
    }
}

fn give_up_after(what: &str, start: Instant, patience: Duration) {
    assert!(start.elapsed() < patience, "not within {patience:?}: {what}");
}
