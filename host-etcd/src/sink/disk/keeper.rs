//! The thread of a state directory: it reads what was left there, and from then on writes. In this order, so that nothing
//! is written over what has not been read, however long the disk takes for that.

use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use aldis_core::{DirectiveSet, UnixMillis};
use tokio::sync::oneshot;

use super::files::Kind;
use super::layout::{encode_clock, encode_state};
use super::medium::Medium;
use super::writer::{Shared, Slot};
use super::{Confirmed, Pulse, StateError};
use crate::clock::{Clock, is_believable};
use crate::kv::Scope;
use crate::mirror::{Mirror, Record, SharedMirror};

/// How often the clock is written while nothing changes.
const PULSE_EVERY: Duration = Duration::from_secs(60);

/// Between two writes of the clock, however many directives end meanwhile.
const PULSE_PAUSE: Duration = Duration::from_secs(1);

/// Between two writes of anything, however fast documents change.
const PAUSE: Duration = Duration::from_millis(200);

/// After a failure, unless something new comes before.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// How reading went: when what was found was last confirmed.
pub(crate) type Restored = Result<Option<Confirmed>, StateError>;

/// What the thread works with.
pub(super) struct Keeper<M> {
    shared: Arc<Shared>,
    medium: M,
    scope: Scope,
    mirror: SharedMirror,
    clock: Arc<Clock>,
    /// There is a file that could not be read, and might be another time.
    has_unread: bool,
    /// The disk does not have what is known.
    owes_state: bool,
    /// Writes that have failed since one succeeded.
    failures: u32,
    /// What was in force when the state was last written.
    set: Option<Arc<DirectiveSet>>,
    /// When the next of it ends.
    next_end: Option<UnixMillis>,
    /// Whether there is a state, without which a clock means nothing.
    has_state: bool,
}

/// Tells that the thread has ended, however it ended.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.lock().has_ended = true;
        self.0.ended.notify_all();
    }
}

impl<M: Medium> Keeper<M> {
    pub(super) fn new(
        shared: Arc<Shared>,
        medium: M,
        scope: Scope,
        mirror: SharedMirror,
        clock: Arc<Clock>,
    ) -> Self {
        Self {
            shared,
            medium,
            scope,
            mirror,
            clock,
            has_unread: false,
            owes_state: false,
            failures: 0,
            set: None,
            next_end: None,
            has_state: false,
        }
    }

    /// Until the store has ended. Tells `restored` how reading went.
    pub(super) fn run(mut self, restored: oneshot::Sender<Restored>) {
        let _ended = Ended(Arc::clone(&self.shared));
        let how = self.restore();
        self.shared.lock().was_read(&how);
        if let Err(how) = restored.send(how) {
            tracing::info!(
                error = how.err().map(tracing::field::display),
                "the state directory was read late"
            );
        }
        while !self.turn() {
            let is_open = |slot: &mut Slot| !slot.is_closing;
            drop(self.shared.wanted.wait_timeout_while(self.shared.lock(), PAUSE, is_open));
        }
    }

    /// Reads what was left, and has the mirror and the clock go on from there.
    fn restore(&mut self) -> Restored {
        let wall = self.clock.now();
        let load = || self.medium.load(wall).map(|(pulse, record)| (pulse, Mirror::restore(record)));
        let panicked = || Err(StateError::Malformed { what: "reading it panicked" });
        let found = catch_unwind(AssertUnwindSafe(load)).unwrap_or_else(|_| panicked());
        self.has_unread = found.as_ref().is_err_and(|error| *error != StateError::Missing);
        let (pulse, before) = found?;
        // Under one lock, so that nothing is seen by the one clock and counted by the other.
        let mut mirror = self.mirror.lock();
        mirror.shift(self.clock.raise(pulse.reading));
        mirror.adopt(before, self.clock.moment());
        self.has_state = true;
        Ok(pulse.confirmed)
    }

    /// Waits for something to do and does it; whether that was the last.
    fn turn(&mut self) -> bool {
        let idle = |slot: &mut Slot| !slot.is_news && !slot.is_closing;
        let patience = self.patience();
        let waited = self.shared.wanted.wait_timeout_while(self.shared.lock(), patience, idle);
        let mut slot = waited.unwrap_or_else(PoisonError::into_inner).0;
        let (is_news, confirmed, is_last) = (take(&mut slot.is_news), slot.confirmed, slot.is_closing);
        slot.busy_since = Some(Instant::now());
        drop(slot);
        // Somebody may have removed it.
        self.owes_state |= is_news || (self.has_state && !self.medium.has(Kind::State));
        let record = if self.owes_state { self.mirror.lock().record() } else { None };
        // After the record, so that no moment in it is later.
        let pulse = Pulse { reading: self.clock.now(), confirmed };
        match record {
            Some(record) => self.write_state(record, &pulse),
            None if self.has_state => self.write_clock(&pulse),
            None => {}
        }
        self.shared.lock().busy_since = None;
        is_last
    }

    fn write_state(&mut self, record: Record, pulse: &Pulse) {
        if take(&mut self.has_unread) {
            self.medium.leave_unread(Kind::State);
        }
        match self.medium.replace(Kind::State, &encode_state(&self.scope, pulse, &record)) {
            Ok(()) => {
                (self.has_state, self.owes_state) = (true, false);
                self.set = record.set;
                self.written(pulse);
            }
            Err(error) => self.failed(&error),
        }
    }

    fn write_clock(&mut self, pulse: &Pulse) {
        // Another process that shares the directory may have come further, if this machine's wall clock was set back.
        let theirs = self.medium.reading().filter(|theirs| is_believable(*theirs, pulse.reading));
        let pulse =
            Pulse { reading: theirs.map_or(pulse.reading, |theirs| theirs.max(pulse.reading)), ..*pulse };
        match self.medium.replace(Kind::Clock, &encode_clock(&self.scope, &pulse)) {
            Ok(()) => self.written(&pulse),
            Err(error) => self.failed(&error),
        }
    }

    fn written(&mut self, pulse: &Pulse) {
        if take(&mut self.failures) > 0 {
            tracing::info!("the disk takes the state again");
        }
        let ends = self.set.iter().flat_map(|set| set.iter().map(|directive| directive.expires_at));
        self.next_end = ends.filter(|end| *end > pulse.reading).min();
    }

    /// Every failure is counted; only the first of several is worth a line.
    fn failed(&mut self, error: &std::io::Error) {
        self.failures = self.failures.saturating_add(1);
        self.shared.failed(&error.to_string(), self.failures == 1);
    }

    /// How long to wait before the clock is written, or what the disk did not take.
    fn patience(&self) -> Duration {
        if self.failures > 0 {
            return RETRY_AFTER;
        }
        // What has ended is to have ended after a restart, too.
        let until_end = self.next_end.map(|end| end.saturating_since(self.clock.now()));
        until_end.map_or(PULSE_EVERY, |until| until.clamp(PULSE_PAUSE, PULSE_EVERY))
    }
}
