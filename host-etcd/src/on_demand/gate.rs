//! What stands between requests and the store: how many reads at once, how many a second, and none for a while after
//! one has failed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::kv::KvError;

/// Up to how long nobody tries after a first failure, and after many.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How far reads may run ahead of their rate: a second's worth may come at once.
const BURST: Duration = Duration::from_secs(1);

/// The same for tenants that are known: strangers may use up the one, and not the other.
const BURST_OF_KNOWN: Duration = Duration::from_millis(1500);

/// Who wants to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comer {
    /// A tenant that has a document, or had one.
    Known,
    /// Anybody, and there may be any number of them: part of the places and of the burst are not for them, so that they
    /// cannot keep known tenants from their documents, an "off" among these.
    Stranger,
}

/// Lets reads pass.
#[derive(Debug)]
pub(super) struct Gate {
    places: Semaphore,
    /// How many of them are not for strangers.
    reserved: usize,
    /// Between two reads at the full rate.
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When the next read would be due if all came evenly.
    due: Instant,
    backoff: Backoff,
    /// Why nobody is to try, and until when.
    pause: Option<(KvError, Instant)>,
}

/// Why a read may not pass.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Closed {
    Busy,
    Paused(KvError),
}

impl Gate {
    pub(super) fn new(concurrent: usize, per_second: u32, seed: u64) -> Self {
        let backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, seed);
        let places = concurrent.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            places: Semaphore::new(places),
            reserved: places / 4,
            interval: Duration::from_secs(1) / per_second.max(1),
            state: Mutex::new(State { due: Instant::now(), backoff, pause: None }),
        }
    }

    /// Lets one read pass, which holds its place until it is dropped.
    pub(super) fn enter(&self, comer: Comer) -> Result<SemaphorePermit<'_>, Closed> {
        let now = Instant::now();
        let mut state = self.lock();
        if let Some((cause, until)) = &state.pause
            && now < *until
        {
            return Err(Closed::Paused(cause.clone()));
        }
        let (reserved, burst) = match comer {
            Comer::Known => (0, BURST_OF_KNOWN),
            Comer::Stranger => (self.reserved, BURST),
        };
        if self.places.available_permits() <= reserved {
            return Err(Closed::Busy);
        }
        let place = self.places.try_acquire().map_err(|_| Closed::Busy)?;
        let due = state.due.max(now);
        if due.saturating_duration_since(now) >= burst {
            return Err(Closed::Busy);
        }
        state.due = due + self.interval;
        Ok(place)
    }

    /// A read was answered.
    pub(super) fn succeeded(&self) {
        let mut state = self.lock();
        if state.pause.take().is_some() {
            state.backoff.reset();
        }
    }

    /// A read failed. How long nobody is to try now; `None` if that was so already: reads that fail together are one
    /// failure.
    pub(super) fn failed(&self, cause: KvError) -> Option<Duration> {
        let now = Instant::now();
        let mut state = self.lock();
        if state.pause.as_ref().is_some_and(|(_, until)| now < *until) {
            return None;
        }
        let pause = state.backoff.next_delay();
        state.pause = Some((cause, now + pause));
        Some(pause)
    }

    /// Every change leaves the state whole, so a panic of another holder leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause() -> KvError {
        KvError::Timeout { operation: "read", limit_ms: 1 }
    }

    #[test]
    fn no_more_pass_at_once_than_there_are_places() {
        let gate = Gate::new(2, 1_000, 1);
        let [first, second] = [gate.enter(Comer::Known), gate.enter(Comer::Known)];
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(gate.enter(Comer::Known).map(drop), Err(Closed::Busy));
        drop(first);
        assert!(gate.enter(Comer::Known).is_ok());
    }

    #[test]
    fn no_more_pass_than_a_seconds_worth_at_once() {
        let gate = Gate::new(8, 50, 1);
        let began = Instant::now();
        let passed = (0..1_000).filter(|_| gate.enter(Comer::Stranger).is_ok()).count();
        // And those that became due meanwhile.
        let due = began.elapsed().as_millis() / 20 + 1;
        assert!(passed >= 50 && passed as u128 <= 50 + due, "{passed} passed, {due} were due");
    }

    #[test]
    fn strangers_however_many_leave_room_for_who_is_known() {
        let gate = Gate::new(8, 50, 1);
        let places: Vec<_> = std::iter::from_fn(|| gate.enter(Comer::Stranger).ok()).collect();
        assert_eq!(places.len(), 6, "of eight");
        assert!(gate.enter(Comer::Known).is_ok());
        drop(places);
        while gate.enter(Comer::Stranger).is_ok() {}
        let passed = (0..1_000).filter(|_| gate.enter(Comer::Known).is_ok()).count();
        assert!(passed >= 20, "{passed} passed of the half second that is theirs");
        let alone = Gate::new(1, 50, 1);
        assert!(alone.enter(Comer::Stranger).is_ok(), "one place is anybody's");
    }

    #[test]
    fn after_a_failure_nobody_passes_for_a_while_and_failures_together_are_one() {
        // A seed whose first delay is not too short to be seen.
        let gate = Gate::new(8, 1_000, 3);
        let pause = gate.failed(cause()).expect("is the first");
        assert!(pause <= FIRST_PAUSE && pause > Duration::from_millis(20), "{pause:?}");
        assert_eq!(gate.enter(Comer::Known).map(drop), Err(Closed::Paused(cause())));
        assert_eq!(gate.failed(cause()), None);
        std::thread::sleep(pause);
        assert!(gate.enter(Comer::Known).is_ok());
    }

    #[test]
    fn pauses_grow_until_a_read_is_answered() {
        let gate = Gate::new(8, 1_000, 1);
        let mut longest = Duration::ZERO;
        for _ in 0..200 {
            longest = longest.max(gate.failed(cause()).expect("the pause is over"));
            assert!(longest <= LONGEST_PAUSE);
            gate.lock().pause = None;
        }
        assert!(longest > FIRST_PAUSE * 10, "{longest:?}");
        gate.failed(cause());
        gate.succeeded();
        assert!(gate.enter(Comer::Known).is_ok());
        assert!(gate.failed(cause()).is_some_and(|pause| pause <= FIRST_PAUSE));
    }
}
