//! What the guests went through, for whoever operates them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::fault::{Fault, GuestError};
use super::lock;
use super::slot::Slot;

/// What the guests of a sink went through since it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestReport {
    /// Evaluations that a guest answered.
    pub calls: u64,
    /// Faults by trap.
    pub traps: u64,
    /// Faults by deadline.
    pub timeouts: u64,
    /// Faults by nonsense.
    pub nonsense: u64,
    /// Sets that no guest took; the previous one stayed in force.
    pub refused_sets: u64,
    /// Instances made to take the place of a broken one.
    pub replacements: u64,
    /// Evaluations that were answered `OFF` because no guest was fit.
    pub not_ready: u64,
    /// Evaluations that were answered `OFF` because the request is too long for the boundary.
    pub too_long: u64,
    /// Guests that hold a set.
    pub ready: usize,
    /// Bytes of memory of those guests together.
    pub memory_bytes: usize,
    /// What went wrong last.
    pub last_reason: Option<String>,
}

/// The rare events of all slots. What happens per request is counted in the slot, where no other thread writes.
#[derive(Debug, Default)]
pub(super) struct Counters {
    traps: AtomicU64,
    timeouts: AtomicU64,
    nonsense: AtomicU64,
    refused_sets: AtomicU64,
    replacements: AtomicU64,
    not_ready: AtomicU64,
    too_long: AtomicU64,
    last_reason: Mutex<Option<String>>,
}

impl Counters {
    pub(super) fn fault(&self, fault: &Fault) {
        let counter = match fault {
            Fault::Trap(_) => &self.traps,
            Fault::Deadline => &self.timeouts,
            Fault::Nonsense(_) => &self.nonsense,
        };
        add_one(counter);
        self.note(fault.to_string());
        tracing::warn!(reason = %fault, "a guest broke; its place is taken by a new one");
    }

    pub(super) fn refused_set(&self, error: &GuestError) {
        add_one(&self.refused_sets);
        self.note(error.to_string());
        tracing::warn!(reason = %error, "no guest takes the set; the previous one stays in force");
    }

    pub(super) fn replacement(&self) {
        add_one(&self.replacements);
    }

    pub(super) fn not_ready(&self) {
        add_one(&self.not_ready);
    }

    pub(super) fn too_long(&self) {
        add_one(&self.too_long);
    }

    pub(super) fn report(&self, slots: &[Slot]) -> GuestReport {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let memories: Vec<usize> = slots.iter().filter_map(Slot::memory_bytes).collect();
        GuestReport {
            calls: slots.iter().map(Slot::calls).fold(0, u64::wrapping_add),
            traps: read(&self.traps),
            timeouts: read(&self.timeouts),
            nonsense: read(&self.nonsense),
            refused_sets: read(&self.refused_sets),
            replacements: read(&self.replacements),
            not_ready: read(&self.not_ready),
            too_long: read(&self.too_long),
            ready: memories.len(),
            memory_bytes: memories.iter().sum(),
            last_reason: lock(&self.last_reason).clone(),
        }
    }

    fn note(&self, reason: String) {
        *lock(&self.last_reason) = Some(reason);
    }
}

/// Counters order nothing: each is a number of its own.
fn add_one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
