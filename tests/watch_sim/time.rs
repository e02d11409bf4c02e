//! The machine's clocks, as they are set by hand: true time, and what the wall clock shows.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use aldis_core::UnixMillis;
use aldis_etcd::clock::Readings;

/// When every run begins, in milliseconds since 1970.
const EPOCH: u64 = 1_800_000_000_000;

/// A year, in milliseconds.
pub(crate) const YEAR: i64 = 31_536_000_000;

/// The hands of the clocks. Clones show the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hands(Arc<Positions>);

#[derive(Debug, Default)]
struct Positions {
    /// Milliseconds since the run began.
    elapsed: AtomicU64,
    /// How far the wall clock is ahead of true time, in milliseconds.
    error: AtomicI64,
}

impl Hands {
    pub(crate) fn move_to(&self, elapsed: u64) {
        self.0.elapsed.store(elapsed, Ordering::Relaxed);
    }

    pub(crate) fn set_wrong_by(&self, error: i64) {
        self.0.error.store(error, Ordering::Relaxed);
    }

    /// Milliseconds since the run began.
    pub(crate) fn elapsed(&self) -> u64 {
        self.0.elapsed.load(Ordering::Relaxed)
    }

    /// How far the wall clock is ahead of true time.
    pub(crate) fn error(&self) -> i64 {
        self.0.error.load(Ordering::Relaxed)
    }

    /// The time as an author knows it, whose clock is right.
    pub(crate) fn true_time(&self) -> UnixMillis {
        UnixMillis::new(EPOCH + self.elapsed())
    }

    /// What the machine's wall clock shows.
    pub(crate) fn wall_time(&self) -> UnixMillis {
        UnixMillis::new(self.true_time().as_u64().saturating_add_signed(self.error()))
    }
}

impl Readings for Hands {
    fn monotonic(&self) -> u64 {
        self.elapsed()
    }

    fn wall(&self) -> Option<u64> {
        Some(self.wall_time().as_u64())
    }
}
