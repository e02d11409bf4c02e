//! A machine whose clocks are in our hand, and whose monotonic clock starts over with each process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aldis_etcd::clock::Readings;

pub(crate) const NOON: u64 = 1_800_000_000_000;
pub(crate) const SECOND: u64 = 1_000;
pub(crate) const HOUR: u64 = 3_600 * SECOND;

/// One process on that machine.
#[derive(Debug)]
pub(crate) struct Machine {
    monotonic: AtomicU64,
    wall: AtomicU64,
}

impl Machine {
    /// A process that starts when the wall clock shows this.
    pub(crate) fn at(wall: u64) -> Arc<Self> {
        Arc::new(Self { monotonic: AtomicU64::new(0), wall: AtomicU64::new(wall) })
    }

    pub(crate) fn pass(&self, millis: u64) {
        self.monotonic.fetch_add(millis, Ordering::Relaxed);
        self.wall.fetch_add(millis, Ordering::Relaxed);
    }

    pub(crate) fn set_wall(&self, millis: u64) {
        self.wall.store(millis, Ordering::Relaxed);
    }
}

impl Readings for Machine {
    fn monotonic(&self) -> u64 {
        self.monotonic.load(Ordering::Relaxed)
    }

    fn wall(&self) -> Option<u64> {
        Some(self.wall.load(Ordering::Relaxed))
    }
}
