//! What the guests went through, for whoever operates them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::fault::{Fault, GuestError};
use super::lock;
use super::slot::Slot;
use crate::meter::guest as meter;

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
    /// Those of the `calls` that were decided natively as well; see [`GuestSink::shadow`](super::GuestSink::shadow).
    pub shadowed: u64,
    /// Those of them that the guest decided otherwise than the native core. Its decision stood.
    pub mismatches: u64,
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
    mismatches: AtomicU64,
    last_reason: Mutex<Option<String>>,
    told: Mutex<Told>,
}

/// What a recorder has been told of.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    calls: u64,
    not_ready: u64,
    too_long: u64,
    shadowed: u64,
}

impl Counters {
    pub(super) fn fault(&self, fault: &Fault) {
        let (counter, kind) = match fault {
            Fault::Trap(_) => (&self.traps, "trap"),
            Fault::Deadline => (&self.timeouts, "timeout"),
            Fault::Nonsense(_) => (&self.nonsense, "nonsense"),
        };
        add_one(counter);
        meter::fault(kind);
        self.note(fault.to_string());
        tracing::warn!(reason = %fault, "a guest broke; its place is taken by a new one");
    }

    pub(super) fn refused_set(&self, error: &GuestError) {
        add_one(&self.refused_sets);
        meter::set_refused();
        self.note(error.to_string());
        tracing::warn!(reason = %error, "no guest takes the set; the previous one stays in force");
    }

    pub(super) fn replacement(&self) {
        add_one(&self.replacements);
        meter::replaced();
    }

    pub(super) fn not_ready(&self) {
        add_one(&self.not_ready);
    }

    pub(super) fn too_long(&self) {
        add_one(&self.too_long);
    }

    /// Says how many there are by now.
    pub(super) fn mismatch(&self) -> u64 {
        meter::mismatched();
        self.note("the guest decided otherwise than the native core".into());
        self.mismatches.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// Tells a recorder what has been counted per request since this was called last: requests themselves do not.
    pub(super) fn tell(&self, slots: &[Slot], is_shadowed: bool) {
        let now = Told {
            calls: sum(slots, Slot::calls),
            not_ready: self.not_ready.load(Ordering::Relaxed),
            too_long: self.too_long.load(Ordering::Relaxed),
            shadowed: sum(slots, Slot::shadowed),
        };
        let last = std::mem::replace(&mut *lock(&self.told), now);
        meter::evaluated(
            now.calls.wrapping_sub(last.calls),
            now.not_ready.wrapping_sub(last.not_ready),
            now.too_long.wrapping_sub(last.too_long),
        );
        // Nothing is told where nobody compares: a zero would say that all is well.
        if is_shadowed {
            meter::shadowed(now.shadowed.wrapping_sub(last.shadowed));
        }
    }

    pub(super) fn report(&self, slots: &[Slot]) -> GuestReport {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let memories: Vec<usize> = slots.iter().filter_map(Slot::memory_bytes).collect();
        GuestReport {
            calls: sum(slots, Slot::calls),
            traps: read(&self.traps),
            timeouts: read(&self.timeouts),
            nonsense: read(&self.nonsense),
            refused_sets: read(&self.refused_sets),
            replacements: read(&self.replacements),
            not_ready: read(&self.not_ready),
            too_long: read(&self.too_long),
            shadowed: sum(slots, Slot::shadowed),
            mismatches: read(&self.mismatches),
            ready: memories.len(),
            memory_bytes: memories.iter().sum(),
            last_reason: lock(&self.last_reason).clone(),
        }
    }

    fn note(&self, reason: String) {
        *lock(&self.last_reason) = Some(reason);
    }
}

fn sum(slots: &[Slot], count: fn(&Slot) -> u64) -> u64 {
    slots.iter().map(count).fold(0, u64::wrapping_add)
}

/// Counters order nothing: each is a number of its own.
fn add_one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
