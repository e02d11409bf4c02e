//! What the wall clock does, and what becomes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aldis_core::UnixMillis;

use super::{Clock, LOOK_EVERY, Moment, Readings, is_believable};

const NOON: u64 = 1_800_000_000_000;
const HOUR: u64 = 3_600_000;

/// A machine whose monotonic clock starts at five seconds and whose wall clock shows `NOON`.
#[derive(Debug)]
struct Machine {
    monotonic: AtomicU64,
    wall: AtomicU64,
}

impl Readings for Machine {
    fn monotonic(&self) -> u64 {
        self.monotonic.load(Ordering::Relaxed)
    }

    fn wall(&self) -> Option<u64> {
        Some(self.wall.load(Ordering::Relaxed)).filter(|&millis| millis > 0)
    }
}

impl Machine {
    fn new() -> Arc<Self> {
        Arc::new(Self { monotonic: AtomicU64::new(5_000), wall: AtomicU64::new(NOON) })
    }

    fn clock(self: &Arc<Self>) -> Option<Clock> {
        Clock::new(Arc::<Self>::clone(self))
    }

    fn pass(&self, millis: u64) {
        self.monotonic.fetch_add(millis, Ordering::Relaxed);
        self.wall.fetch_add(millis, Ordering::Relaxed);
    }

    fn set_wall(&self, millis: u64) {
        self.wall.store(millis, Ordering::Relaxed);
    }
}

fn millis(clock: &Clock) -> u64 {
    clock.now().as_u64()
}

#[test]
fn time_passes_at_the_pace_of_the_monotonic_clock() {
    let machine = Machine::new();
    let clock = machine.clock().expect("has a clock");
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
    let clock = machine.clock().expect("has a clock");
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
    let clock = machine.clock().expect("has a clock");
    machine.set_wall(NOON + HOUR);
    machine.pass(LOOK_EVERY);
    assert_eq!(millis(&clock), NOON + HOUR + LOOK_EVERY);
}

#[test]
fn a_sleep_in_which_the_monotonic_clock_stood_still_is_followed() {
    let machine = Machine::new();
    let clock = machine.clock().expect("has a clock");
    machine.wall.fetch_add(8 * HOUR, Ordering::Relaxed);
    assert_eq!(clock.moment().at.as_u64(), NOON + 8 * HOUR);
}

#[test]
fn a_wild_excursion_leaves_a_lead_and_not_more() {
    let machine = Machine::new();
    let clock = machine.clock().expect("has a clock");
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
    let clock = machine.clock().expect("has a clock");
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
    assert!(machine.clock().is_none());
    machine.set_wall(NOON);
    let clock = machine.clock().expect("has a clock");
    machine.pass(500);
    machine.set_wall(0);
    assert_eq!(clock.moment(), Moment { at: UnixMillis::new(NOON + 500), lead: Duration::ZERO });
}

#[test]
fn a_wall_clock_that_is_lost_does_not_take_the_lead_with_it() {
    let machine = Machine::new();
    let clock = machine.clock().expect("has a clock");
    machine.set_wall(NOON - HOUR);
    assert_eq!(clock.lead(), Duration::from_millis(HOUR));
    machine.set_wall(0);
    assert_eq!(clock.lead(), Duration::from_millis(HOUR), "nothing says that it has caught up");
}

/// A machine that stops this process for a minute, once, right after it has read one of its clocks.
#[derive(Debug)]
struct Stopped {
    machine: Arc<Machine>,
    after: AtomicU64,
}

impl Stopped {
    fn tick(&self) {
        if self.after.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.machine.pass(60_000);
        }
    }
}

impl Readings for Stopped {
    fn monotonic(&self) -> u64 {
        let read = self.machine.monotonic();
        self.tick();
        read
    }

    fn wall(&self) -> Option<u64> {
        let read = self.machine.wall();
        self.tick();
        read
    }
}

#[test]
fn a_pause_between_two_readings_is_not_a_step() {
    for readings in 1..12 {
        let machine = Machine::new();
        let stopped = Stopped { machine: Arc::clone(&machine), after: AtomicU64::new(readings) };
        let clock = Clock::new(Arc::new(stopped)).expect("has a clock");
        for _ in 0..4 {
            let Moment { at, lead } = clock.moment();
            assert!(at <= machine.clock().expect("has a clock").now(), "after {readings} readings");
            assert_eq!(lead, Duration::ZERO, "after {readings} readings");
        }
    }
}

#[test]
fn after_a_restart_it_goes_on_where_it_was_if_the_wall_clock_was_set_back() {
    let machine = Machine::new();
    let floor = machine.clock().expect("has a clock").now();
    machine.set_wall(NOON - HOUR);
    machine.pass(1_000);
    let clock = machine.clock().expect("has a clock").no_earlier_than(floor);
    assert_eq!(clock.moment(), Moment { at: floor, lead: Duration::from_millis(HOUR - 1_000) });
    machine.pass(5_000);
    assert_eq!(millis(&clock), NOON + 5_000, "it is not frozen");
    machine.set_wall(NOON + HOUR);
    assert_eq!(clock.moment(), Moment { at: UnixMillis::new(NOON + HOUR), lead: Duration::ZERO });
}

#[test]
fn after_a_restart_in_order_the_floor_changes_nothing() {
    let machine = Machine::new();
    let floor = machine.clock().expect("has a clock").now();
    machine.pass(HOUR);
    let clock = machine.clock().expect("has a clock").no_earlier_than(floor);
    assert_eq!(clock.moment(), Moment { at: UnixMillis::new(NOON + HOUR), lead: Duration::ZERO });
}

#[test]
fn what_was_written_down_is_believed_within_ten_years_or_against_a_clock_that_is_lost() {
    let years = |count: u64| count * 365 * 24 * HOUR;
    let believed = |reading, wall| is_believable(UnixMillis::new(reading), UnixMillis::new(wall));
    assert!(believed(NOON, NOON) && believed(NOON - years(5), NOON));
    assert!(believed(NOON + years(10), NOON));
    assert!(!believed(NOON + years(10) + 1, NOON));
    // A battery has died: 1970, or what the firmware begins with.
    assert!(believed(NOON, 1) && believed(NOON, 1_420_070_400_000));
}
