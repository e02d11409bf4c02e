//! What the store of an instance carries: its limits, and how long the call that runs may still run.

use std::time::Duration;

use wasmtime::{Store, StoreContextMut, StoreLimits, UpdateDeadline};

use super::ticker::TICK;

/// The data of a guest's store.
pub(super) struct Budget {
    limits: StoreLimits,
    /// What the thread had run for when the present call was first seen running.
    first_seen: Option<Duration>,
    /// Of the present call.
    deadline: Duration,
}

impl Budget {
    pub(super) const fn new(limits: StoreLimits) -> Self {
        Self { limits, first_seen: None, deadline: Duration::ZERO }
    }

    /// Holds a store to its limits and deadlines.
    ///
    /// A deadline is one of processor time: on a machine with more to do than processors a healthy guest may be kept
    /// from running for many ticks of one call, and must not be thrown away for it. Reading the thread's clock costs more
    /// than a call does, so a call begins without: the clock is read only at ticks that find a guest running.
    pub(super) fn hold(store: &mut Store<Self>) {
        store.limiter(|budget| &mut budget.limits);
        store.epoch_deadline_callback(|context| Ok(tick(context)));
    }

    /// Gives the call that comes a deadline.
    pub(super) fn begin_call(store: &mut Store<Self>, deadline: Duration) {
        let budget = store.data_mut();
        budget.first_seen = None;
        budget.deadline = deadline;
        store.set_epoch_deadline(1);
    }

    /// Whether the call may run on, as its thread has now run for so long in all.
    fn lasts(&mut self, thread: Duration) -> bool {
        let first = *self.first_seen.get_or_insert(thread);
        thread.saturating_sub(first) < allowed(self.deadline)
    }
}

fn tick(mut context: StoreContextMut<'_, Budget>) -> UpdateDeadline {
    if context.data_mut().lasts(processor_time()) {
        UpdateDeadline::Continue(1)
    } else {
        UpdateDeadline::Interrupt
    }
}

/// What is left of a deadline when a call is first seen running: a tick may have gone by, and another will before the
/// call is looked at again. Never less than a tick.
fn allowed(deadline: Duration) -> Duration {
    deadline.saturating_sub(2 * TICK).max(TICK)
}

/// What this thread has run for.
#[cfg(unix)]
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Where threads have no such clock, what has gone by.
#[cfg(not(unix))]
fn processor_time() -> Duration {
    static BEGUN: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    BEGUN.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn budget(deadline: Duration) -> Budget {
        Budget { deadline, ..Budget::new(StoreLimits::default()) }
    }

    #[test]
    fn time_in_which_a_guest_is_kept_from_running_does_not_count() {
        let mut budget = budget(Duration::ZERO);
        assert!(
            (0..1000).all(|_| budget.lasts(70 * MS)),
            "seen at a thousand ticks, and never ran in between"
        );
        assert!(budget.lasts(79 * MS));
        assert!(!budget.lasts(80 * MS));
    }

    #[test]
    fn a_guest_that_runs_on_is_stopped_within_its_deadline() {
        for deadline in [50, 200, 2000] {
            let mut budget = budget(deadline * MS);
            let ticks = (1..).find(|&ticks| !budget.lasts(3 * MS + ticks * TICK));
            let ran = ticks.unwrap() * TICK;
            assert!(ran <= deadline * MS && ran + TICK >= deadline * MS, "{ran:?} of {deadline} ms");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_thread_that_waits_does_not_run() {
        let before = processor_time();
        std::thread::sleep(60 * MS);
        let ran = processor_time().saturating_sub(before);
        assert!(ran < 30 * MS, "{ran:?}");
        // One that runs does.
        while processor_time().saturating_sub(before) < 30 * MS {}
    }
}
