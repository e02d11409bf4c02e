//! What the store of an instance carries: its limits, and how long the call that runs may still run.

use wasmtime::{Store, StoreContextMut, StoreLimits, UpdateDeadline};

/// The data of a guest's store.
pub(super) struct Budget {
    limits: StoreLimits,
    /// Ticks during which the present call was seen running.
    seen: u64,
    /// How many it may be seen.
    allowed: u64,
}

impl Budget {
    pub(super) const fn new(limits: StoreLimits) -> Self {
        Self { limits, seen: 0, allowed: 0 }
    }

    /// Holds a store to its limits and deadlines.
    ///
    /// A deadline is not one point in time. At each tick the guest asks whether it may go on, and only those ticks
    /// count at which it is there to ask: a thread that the system does not let run for a while, on a machine with more
    /// to do than processors, is asked once when it runs again. So an overloaded host does not throw healthy guests
    /// away, and a guest that loops is stopped after the processor time it was given.
    pub(super) fn hold(store: &mut Store<Self>) {
        store.limiter(|budget| &mut budget.limits);
        store.epoch_deadline_callback(|context| Ok(tick(context)));
    }

    /// Gives the call that comes this many ticks.
    pub(super) fn begin_call(store: &mut Store<Self>, ticks: u64) {
        let budget = store.data_mut();
        budget.seen = 0;
        budget.allowed = ticks;
        store.set_epoch_deadline(1);
    }
}

fn tick(mut context: StoreContextMut<'_, Budget>) -> UpdateDeadline {
    let budget = context.data_mut();
    budget.seen = budget.seen.saturating_add(1);
    if budget.seen < budget.allowed { UpdateDeadline::Continue(1) } else { UpdateDeadline::Interrupt }
}
