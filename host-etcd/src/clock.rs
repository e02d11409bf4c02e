//! The store's clock: wall-clock time that no step of the wall clock can turn back.
//!
//! Directives end at points of wall-clock time, and the wall clock of a machine is a rumour: it is set by hand, by NTP,
//! by a hypervisor that resumes a guest. What must hold all the same:
//!
//! 1. *Nothing comes back.* What has expired in a running store stays expired, so the reading never runs backwards.
//! 2. *An end moves by no more than the step.* A step of the wall clock by δ moves the end of a directive by at most |δ|.
//! 3. *Never deaf.* After the wildest step, a document that is published applies from now to its end, as its author
//!    means it.
//!
//! The reading is driven by the monotonic clock and only ever pushed forward: it is the monotonic time plus the largest
//! offset of the wall clock seen so far. If the wall clock steps forward (or the machine wakes from a sleep, in which
//! the monotonic clock stood still), the reading follows and ends come nearer by the step: 2 holds, and nothing stays on
//! by accident. If the wall clock steps back, the reading goes on at its own pace, and what is in force ends when it
//! would have ended: 1 and 2 hold.
//!
//! That leaves the reading ahead of the wall clock by a [`lead`](Clock::lead), up to hours if the wall clock had been
//! wildly wrong, and an absolute `expires_at` that an author writes now, with a right clock, may already be past in it.
//! So documents are *translated* when they are first seen: a [`Moment`] remembers the lead at that time, and
//! the mirror shifts the absolute points of the document by it. Then 3 holds, and since a document keeps the
//! moment of its first reading, no later step touches it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use aldis_core::UnixMillis;

/// Milliseconds between looks at the wall clock: it costs as much as the monotonic one, so not every reading pays.
const LOOK_EVERY: u64 = 100;

/// What the clock is driven by. The system's clocks, or a test's.
pub trait Readings: Send + Sync {
    /// Milliseconds from some origin; never runs backwards.
    fn monotonic(&self) -> u64;

    /// Milliseconds since 1970; `None` if the machine does not know.
    fn wall(&self) -> Option<u64>;
}

/// The clocks of the operating system.
#[derive(Debug)]
pub struct SystemReadings {
    origin: Instant,
}

impl SystemReadings {
    /// Readings that count monotonic time from now on.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemReadings {
    fn default() -> Self {
        Self::new()
    }
}

impl Readings for SystemReadings {
    fn monotonic(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn wall(&self) -> Option<u64> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        u64::try_from(since.as_millis()).ok().filter(|&millis| millis > 0)
    }
}

/// A clock that never runs backwards. Shared by reference; reading takes no lock.
#[derive(Debug)]
pub struct Clock<R = SystemReadings> {
    readings: R,
    /// What to add to the monotonic time: the largest offset of the wall clock seen so far.
    offset: AtomicU64,
    /// Monotonic time of the next look at the wall clock.
    next_look: AtomicU64,
}

/// When something was first seen, and by how much the clock was ahead of the wall clock then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The reading.
    pub at: UnixMillis,
    /// How far the reading was ahead of the wall clock.
    pub lead: Duration,
}

impl Clock {
    /// A clock on the system's readings; `None` if the machine does not know the time: without a clock nothing may
    /// be on.
    #[must_use]
    pub fn system() -> Option<Self> {
        Self::new(SystemReadings::new())
    }
}

impl<R: Readings> Clock<R> {
    /// A clock on these readings; `None` if they do not know the time.
    #[must_use]
    pub fn new(readings: R) -> Option<Self> {
        let (monotonic, wall) = (readings.monotonic(), readings.wall()?);
        let offset = AtomicU64::new(wall.saturating_sub(monotonic));
        Some(Self { readings, offset, next_look: AtomicU64::new(monotonic.saturating_add(LOOK_EVERY)) })
    }

    /// The time. Costs one monotonic reading (about 25 ns), and each 100 ms one of the wall clock.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        let monotonic = self.readings.monotonic();
        if monotonic >= self.next_look.load(Ordering::Relaxed) {
            self.look(monotonic);
        }
        // Relaxed is enough: the offset only grows, and each thread sees its modifications in order.
        UnixMillis::new(monotonic.saturating_add(self.offset.load(Ordering::Relaxed)))
    }

    /// The time, with how far it is ahead of the wall clock. Looks at the wall clock each time.
    #[must_use]
    pub fn moment(&self) -> Moment {
        let monotonic = self.readings.monotonic();
        let lead = self.look(monotonic);
        Moment { at: UnixMillis::new(monotonic.saturating_add(self.offset.load(Ordering::Relaxed))), lead }
    }

    /// How far the reading is ahead of the wall clock: by how much that has been stepped back since.
    #[must_use]
    pub fn lead(&self) -> Duration {
        self.moment().lead
    }

    /// Follows the wall clock if it is ahead; by how much it is behind.
    fn look(&self, monotonic: u64) -> Duration {
        self.next_look.store(monotonic.saturating_add(LOOK_EVERY), Ordering::Relaxed);
        let Some(wall) = self.readings.wall() else { return Duration::ZERO };
        let offset = wall.saturating_sub(monotonic);
        let largest = self.offset.fetch_max(offset, Ordering::Relaxed).max(offset);
        Duration::from_millis(largest.saturating_add(monotonic).saturating_sub(wall))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_800_000_000_000;
    const HOUR: u64 = 3_600_000;

    /// A machine whose monotonic clock starts at five seconds and whose wall clock shows `NOON`.
    #[derive(Debug)]
    struct Machine {
        monotonic: AtomicU64,
        wall: AtomicU64,
    }

    impl Readings for &Machine {
        fn monotonic(&self) -> u64 {
            self.monotonic.load(Ordering::Relaxed)
        }

        fn wall(&self) -> Option<u64> {
            Some(self.wall.load(Ordering::Relaxed)).filter(|&millis| millis > 0)
        }
    }

    impl Machine {
        fn new() -> Self {
            Self { monotonic: AtomicU64::new(5_000), wall: AtomicU64::new(NOON) }
        }

        fn pass(&self, millis: u64) {
            self.monotonic.fetch_add(millis, Ordering::Relaxed);
            self.wall.fetch_add(millis, Ordering::Relaxed);
        }

        fn set_wall(&self, millis: u64) {
            self.wall.store(millis, Ordering::Relaxed);
        }
    }

    fn millis(clock: &Clock<&Machine>) -> u64 {
        clock.now().as_u64()
    }

    #[test]
    fn time_passes_at_the_pace_of_the_monotonic_clock() {
        let machine = Machine::new();
        let clock = Clock::new(&machine).expect("has a clock");
        assert_eq!(millis(&clock), NOON);
        for step in [1, 99, 1, 5_000] {
            let before = millis(&clock);
            machine.pass(step);
            assert_eq!(millis(&clock), before + step);
        }
        assert_eq!(clock.lead(), Duration::ZERO);
    }

    #[test]
    fn a_step_back_is_not_followed_and_shows_as_lead() {
        let machine = Machine::new();
        let clock = Clock::new(&machine).expect("has a clock");
        machine.pass(1_000);
        machine.set_wall(NOON - HOUR);
        assert_eq!(millis(&clock), NOON + 1_000);
        assert_eq!(clock.lead(), Duration::from_millis(HOUR + 1_000));
        machine.pass(10_000);
        assert_eq!(millis(&clock), NOON + 11_000, "it is not frozen: what is in force goes on to its end");
    }

    #[test]
    fn a_step_forward_is_followed_within_a_look() {
        let machine = Machine::new();
        let clock = Clock::new(&machine).expect("has a clock");
        machine.set_wall(NOON + HOUR);
        machine.pass(LOOK_EVERY);
        assert_eq!(millis(&clock), NOON + HOUR + LOOK_EVERY);
    }

    #[test]
    fn a_sleep_in_which_the_monotonic_clock_stood_still_is_followed() {
        let machine = Machine::new();
        let clock = Clock::new(&machine).expect("has a clock");
        machine.wall.fetch_add(8 * HOUR, Ordering::Relaxed);
        assert_eq!(clock.moment().at.as_u64(), NOON + 8 * HOUR);
    }

    #[test]
    fn a_wild_excursion_leaves_a_lead_and_not_more() {
        let machine = Machine::new();
        let clock = Clock::new(&machine).expect("has a clock");
        for _ in 0..3 {
            machine.set_wall(NOON + 10 * HOUR);
            assert_eq!(clock.moment().at.as_u64(), NOON + 10 * HOUR);
            machine.set_wall(NOON);
            assert_eq!(clock.moment().lead, Duration::from_millis(10 * HOUR), "excursions do not add up");
        }
    }

    #[test]
    fn it_never_runs_backwards_whatever_the_wall_clock_does() {
        let machine = Machine::new();
        let clock = Clock::new(&machine).expect("has a clock");
        let mut random = fastrand::Rng::with_seed(7);
        let mut last = clock.now();
        for _ in 0..10_000 {
            machine.pass(random.u64(0..200));
            if random.u8(0..4) == 0 {
                machine.set_wall(random.u64(0..2 * NOON));
            }
            let now = if random.bool() { clock.now() } else { clock.moment().at };
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    fn without_a_wall_clock_there_is_no_clock_and_losing_it_later_changes_nothing() {
        let machine = Machine::new();
        machine.set_wall(0);
        assert!(Clock::new(&machine).is_none());
        machine.set_wall(NOON);
        let clock = Clock::new(&machine).expect("has a clock");
        machine.pass(500);
        machine.set_wall(0);
        assert_eq!(clock.moment(), Moment { at: UnixMillis::new(NOON + 500), lead: Duration::ZERO });
    }
}
