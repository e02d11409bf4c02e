//! The thread that writes. The store's task says that there is news and goes on at once: a disk may take seconds, and one
//! that is sick may never answer. When the disk is ready the thread records what is known then.

use std::io;
use std::mem::take;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use aldis_core::{DirectiveSet, UnixMillis};

use super::files::Kind;
use super::layout::{encode_clock, encode_state};
use super::{Confirmed, Pulse, StateDirectory};
use crate::clock::Clock;
use crate::kv::Scope;
use crate::mirror::{Record, SharedMirror};
use crate::status::Board;

/// How often the clock is written while nothing changes.
const PULSE_EVERY: Duration = Duration::from_secs(60);

/// Between two writes of the clock, however many directives end meanwhile.
const PULSE_PAUSE: Duration = Duration::from_secs(1);

/// Between two writes of anything, however fast documents change.
const PAUSE: Duration = Duration::from_millis(200);

/// After a failure, unless something new comes before.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// A write that takes longer counts as a failure, though it may still succeed.
const SLOW: Duration = Duration::from_secs(5);

/// How long dropping a store waits for the last write. A healthy disk needs milliseconds.
const FLUSH_LIMIT: Duration = Duration::from_millis(500);

/// Takes the bytes of a file. The disk, or what a test makes of it.
pub(super) trait Medium: Send + 'static {
    fn replace(&self, kind: Kind, bytes: &[u8]) -> io::Result<()>;
}

impl Medium for StateDirectory {
    fn replace(&self, kind: Kind, bytes: &[u8]) -> io::Result<()> {
        Self::replace(self, kind, bytes)
    }
}

/// Keeps the thread. When dropped it waits a little for the last write, and the thread ends behind that.
#[derive(Debug)]
pub(crate) struct Disk(Writer);

/// Says what is to be written. Never waits for the disk.
#[derive(Clone, Debug)]
pub(crate) struct Writer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    board: Arc<Board>,
    slot: Mutex<Slot>,
    /// Something is to be done.
    wanted: Condvar,
    /// The thread has ended.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Slot {
    /// The disk does not have what is known.
    is_news: bool,
    confirmed: Option<Confirmed>,
    is_closing: bool,
    has_ended: bool,
    /// Since when a write has been under way.
    busy_since: Option<Instant>,
}

impl Disk {
    /// Starts the thread, which records this mirror. `restored` is what the directory says already, if it does.
    pub(crate) fn start(
        directory: StateDirectory,
        mirror: SharedMirror,
        clock: Arc<Clock>,
        board: Arc<Board>,
        restored: Option<&Pulse>,
    ) -> io::Result<Self> {
        let scope = directory.scope().clone();
        Self::start_on(directory, scope, move || mirror.lock().record(), clock, board, restored)
    }

    pub(super) fn start_on(
        medium: impl Medium,
        scope: Scope,
        record: impl Fn() -> Option<Record> + Send + 'static,
        clock: Arc<Clock>,
        board: Arc<Board>,
        restored: Option<&Pulse>,
    ) -> io::Result<Self> {
        let slot = Slot { confirmed: restored.and_then(|pulse| pulse.confirmed), ..Slot::default() };
        let shared =
            Arc::new(Shared { board, slot: Mutex::new(slot), wanted: Condvar::new(), ended: Condvar::new() });
        let writing = Writing {
            shared: Arc::clone(&shared),
            medium,
            scope,
            record: Box::new(record),
            clock,
            has_failed: false,
            set: None,
            next_end: None,
            has_state: restored.is_some(),
        };
        thread::Builder::new().name("aldis-disk".to_owned()).spawn(|| writing.run())?;
        Ok(Self(Writer(shared)))
    }

    /// For the store's task.
    pub(crate) fn writer(&self) -> Writer {
        self.0.clone()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let shared = &self.0.0;
        let mut slot = shared.lock();
        slot.is_closing = true;
        shared.wanted.notify_one();
        let waited = shared.ended.wait_timeout_while(slot, FLUSH_LIMIT, |slot| !slot.has_ended);
        let has_ended = waited.unwrap_or_else(PoisonError::into_inner).0.has_ended;
        if !has_ended {
            tracing::warn!("the disk did not take the last state in time");
        }
    }
}

impl Writer {
    /// Has what is known written as soon as the disk is ready.
    pub(crate) fn keep(&self) {
        let mut slot = self.0.lock();
        slot.is_news = true;
        self.0.wanted.notify_one();
        self.0.complain_if_slow(slot);
    }

    /// Has this written with the next write.
    pub(crate) fn confirmed(&self, confirmed: Confirmed) {
        let mut slot = self.0.lock();
        slot.confirmed = Some(confirmed);
        self.0.complain_if_slow(slot);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn complain_if_slow(&self, mut slot: MutexGuard<'_, Slot>) {
        if slot.busy_since.is_some_and(|since| since.elapsed() >= SLOW) {
            // Once for each write.
            slot.busy_since = None;
            drop(slot);
            self.failed(&format!("it has not answered for {} s", SLOW.as_secs()));
        }
    }

    fn failed(&self, cause: &str) {
        tracing::error!(cause, "the disk did not take the state; what is in force is not affected");
        self.board.sink_failed("state directory", &cause);
    }
}

/// What the thread works with.
struct Writing<M> {
    shared: Arc<Shared>,
    medium: M,
    scope: Scope,
    /// What is known.
    record: Box<dyn Fn() -> Option<Record> + Send>,
    clock: Arc<Clock>,
    /// The disk did not take the last state.
    has_failed: bool,
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

impl<M: Medium> Writing<M> {
    fn run(mut self) {
        let _ended = Ended(Arc::clone(&self.shared));
        while !self.turn() {
            let is_open = |slot: &mut Slot| !slot.is_closing;
            drop(self.shared.wanted.wait_timeout_while(self.shared.lock(), PAUSE, is_open));
        }
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
        let record = if is_news || self.has_failed { (self.record)() } else { None };
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
        match self.medium.replace(Kind::State, &encode_state(&self.scope, pulse, &record)) {
            Ok(()) => {
                (self.has_state, self.has_failed) = (true, false);
                self.set = record.set;
                self.written(pulse);
            }
            Err(error) => {
                self.has_failed = true;
                self.shared.failed(&error.to_string());
            }
        }
    }

    fn write_clock(&mut self, pulse: &Pulse) {
        match self.medium.replace(Kind::Clock, &encode_clock(&self.scope, pulse)) {
            Ok(()) => self.written(pulse),
            Err(error) => self.shared.failed(&error.to_string()),
        }
    }

    fn written(&mut self, pulse: &Pulse) {
        let ends = self.set.iter().flat_map(|set| set.iter().map(|directive| directive.expires_at));
        self.next_end = ends.filter(|end| *end > pulse.reading).min();
    }

    /// How long to wait before the clock is written, or what the disk did not take.
    fn patience(&self) -> Duration {
        if self.has_failed {
            return RETRY_AFTER;
        }
        // What has ended is to have ended after a restart, too.
        let until_end = self.next_end.map(|end| end.saturating_since(self.clock.now()));
        until_end.map_or(PULSE_EVERY, |until| until.clamp(PULSE_PAUSE, PULSE_EVERY))
    }
}
