//! The store's clock: wall-clock time that no step of the wall clock can turn back.
//!
//! Directives end at points of wall-clock time, and the wall clock of a machine is a rumour: it is set by hand, by NTP,
//! by a hypervisor that resumes a guest, by a battery that has died. What must hold all the same:
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
//! So documents are *translated* when they are first seen: a [`Moment`] remembers the lead at that time, and the mirror
//! shifts the absolute points of the document by it. Then 3 holds. A later step back does not touch the document. A
//! later step forward takes from the lead, and the mirror takes as much from the shift: the end comes nearer by no more
//! than the step, and a document that arrived while the clock was wrong does not outlive its author's intent by as much.
//!
//! A lead is one machine's own: what a relay tells others is by the wall clock, and whoever is told translates by its own lead.
//!
//! # Over a restart
//!
//! With a state directory the reading is written down, about once a minute and whenever something has just expired, and
//! the next start begins [no earlier](Clock::no_earlier_than) than what was written. So 1 holds: a wall clock that was
//! set back while nothing ran leaves a lead, and what had expired stays so. 3 holds because that lead translates what is
//! published from then on. First-seen moments are points of the reading; they are kept with it and mean the same after
//! the restart.
//!
//! As for 2, a lead does not survive as it is: while nothing runs only the wall clock passes, so a lead shrinks by that
//! time, and ends that count from a moment come later by as much. Once it has shrunk to nothing the reading follows the
//! wall clock again. So all restarts together move an end by no more than the step back that made the lead. Keeping the
//! lead instead would add up: a machine whose clock is wrong for a minute at every boot would gain a lead each time.
//!
//! A reading that was written down is not believed for ever: [`is_believable`] bounds how far it may be ahead.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use aldis_core::UnixMillis;

#[cfg(test)]
mod tests;

/// Milliseconds between looks at the wall clock: it costs as much as the monotonic one, so not every reading pays.
const LOOK_EVERY: u64 = 100;

/// Readings of the two clocks within so many milliseconds count as of one instant. Otherwise they are read anew, so often.
const AT_ONCE: u64 = 1;
const READ_AT_MOST: u32 = 4;

/// 2026-01-01, before which no reading was ever written down. A wall clock that shows an earlier time has lost it.
const FIRST_YEAR: u64 = 1_767_225_600_000;

/// How far a reading that was written down may be ahead of a plausible wall clock: ten years of 365 days, in
/// milliseconds. Clocks that were set wrong by hand, or fell back to a firmware's date, lie within it.
const FARTHEST: u64 = 10 * 365 * 24 * 3_600_000;

/// Whether a reading from before a restart may be what the next one begins with.
///
/// Up to ten years ahead of the wall clock it may; so may any if the wall clock shows a time before 2026, because then
/// it is the wall clock that is wrong. What is farther ahead comes of a machine whose clock was wildly wrong while it
/// was written, and would keep expired what had expired by that clock alone.
#[must_use]
pub fn is_believable(reading: UnixMillis, wall: UnixMillis) -> bool {
    wall.as_u64() < FIRST_YEAR || reading.as_u64() <= wall.as_u64().saturating_add(FARTHEST)
}

/// What the clock is driven by, if not by the system's clocks. For tests, and for hosts with a better clock.
pub trait Readings: Send + Sync {
    /// Milliseconds from some origin; never runs backwards.
    fn monotonic(&self) -> u64;

    /// Milliseconds since 1970; `None` if the machine does not know.
    fn wall(&self) -> Option<u64>;
}

/// A clock that never runs backwards. Shared by reference; reading takes no lock.
#[derive(Debug)]
pub struct Clock {
    source: Source,
    /// What to add to the monotonic time: the largest offset of the wall clock seen so far.
    offset: AtomicU64,
    /// The offset of the wall clock when it was last seen.
    wall_offset: AtomicU64,
    /// Monotonic time of the next look at the wall clock.
    next_look: AtomicU64,
}

/// Not `dyn` for the system: a request's reading should cost no more than the system's call.
enum Source {
    /// Monotonic time counts from here.
    System(Instant),
    Given(Arc<dyn Readings>),
}

/// When something was first seen, and by how much the clock was ahead of the wall clock then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The reading.
    pub at: UnixMillis,
    /// How far the reading was ahead of the wall clock.
    pub lead: Duration,
}

impl Moment {
    /// The same by the wall clock.
    pub(crate) fn wall(self) -> UnixMillis {
        let lead = u64::try_from(self.lead.as_millis()).unwrap_or(u64::MAX);
        UnixMillis::new(self.at.as_u64().saturating_sub(lead))
    }

    /// The same by a clock that is ahead by so much more.
    pub(crate) fn later_by(self, by: Duration) -> Self {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        Self {
            at: UnixMillis::new(self.at.as_u64().saturating_add(millis)),
            lead: self.lead.saturating_add(by),
        }
    }
}

impl Clock {
    /// A clock on the system's readings; `None` if the machine does not know the time: without a clock nothing may
    /// be on.
    #[must_use]
    pub fn system() -> Option<Self> {
        Self::begin(Source::System(Instant::now()))
    }

    /// A clock on these readings; `None` if they do not know the time.
    #[must_use]
    pub fn new(readings: Arc<dyn Readings>) -> Option<Self> {
        Self::begin(Source::Given(readings))
    }

    /// The same clock, reading no earlier than `floor` from now on.
    #[must_use]
    pub fn no_earlier_than(self, floor: UnixMillis) -> Self {
        self.raise(floor);
        self
    }

    /// Reads no earlier than `floor` from now on. Returns by how much that has put it forward.
    pub(crate) fn raise(&self, floor: UnixMillis) -> Duration {
        let offset = floor.as_u64().saturating_sub(self.source.monotonic());
        let before = self.offset.fetch_max(offset, Ordering::Relaxed);
        Duration::from_millis(offset.saturating_sub(before))
    }

    fn begin(source: Source) -> Option<Self> {
        let offset = source.wall_offset()?;
        let next_look = source.monotonic().saturating_add(LOOK_EVERY);
        Some(Self {
            source,
            offset: AtomicU64::new(offset),
            wall_offset: AtomicU64::new(offset),
            next_look: AtomicU64::new(next_look),
        })
    }

    /// The time. Costs one monotonic reading (about 25 ns), and each 100 ms one of the wall clock.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        let monotonic = self.source.monotonic();
        if monotonic >= self.next_look.load(Ordering::Relaxed) {
            self.look(monotonic);
        }
        // Relaxed is enough: the offset only grows, and each thread sees its modifications in order.
        UnixMillis::new(monotonic.saturating_add(self.offset.load(Ordering::Relaxed)))
    }

    /// The time, with how far it is ahead of the wall clock. Looks at the wall clock each time.
    #[must_use]
    pub fn moment(&self) -> Moment {
        let monotonic = self.source.monotonic();
        let lead = self.look(monotonic);
        Moment { at: UnixMillis::new(monotonic.saturating_add(self.offset.load(Ordering::Relaxed))), lead }
    }

    /// How far the reading is ahead of the wall clock: by how much that has been stepped back since.
    #[must_use]
    pub fn lead(&self) -> Duration {
        self.moment().lead
    }

    /// The wall clock's time, in which documents are written: the reading without its lead.
    #[must_use]
    pub fn wall(&self) -> UnixMillis {
        self.moment().wall()
    }

    /// Follows the wall clock if it is ahead; by how much it is behind, or was when it was last seen.
    fn look(&self, monotonic: u64) -> Duration {
        self.next_look.store(monotonic.saturating_add(LOOK_EVERY), Ordering::Relaxed);
        let wall_offset = match self.source.wall_offset() {
            Some(offset) => {
                self.wall_offset.store(offset, Ordering::Relaxed);
                offset
            }
            None => self.wall_offset.load(Ordering::Relaxed),
        };
        let largest = self.offset.fetch_max(wall_offset, Ordering::Relaxed).max(wall_offset);
        Duration::from_millis(largest.saturating_sub(wall_offset))
    }
}

impl Source {
    /// What to add to the monotonic time to come to that of the wall clock. Two clocks are not read in one instant: a
    /// pause between the two readings must not pass for a step forward, which would leave a lead for ever. So the
    /// monotonic clock is read last, and both once more if that took suspiciously long.
    fn wall_offset(&self) -> Option<u64> {
        let mut offset = None;
        for _ in 0..READ_AT_MOST {
            let before = self.monotonic();
            let wall = self.wall()?;
            let after = self.monotonic();
            offset = offset.max(Some(wall.saturating_sub(after)));
            if after.saturating_sub(before) <= AT_ONCE {
                break;
            }
        }
        offset
    }

    fn monotonic(&self) -> u64 {
        match self {
            Self::System(origin) => u64::try_from(origin.elapsed().as_millis()).unwrap_or(u64::MAX),
            Self::Given(readings) => readings.monotonic(),
        }
    }

    fn wall(&self) -> Option<u64> {
        match self {
            Self::System(_) => {
                let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
                u64::try_from(since.as_millis()).ok().filter(|&millis| millis > 0)
            }
            Self::Given(readings) => readings.wall(),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System(_) => "System",
            Self::Given(_) => "Given",
        })
    }
}
