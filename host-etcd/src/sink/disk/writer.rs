//! The store's side of its state directory. The store's task says that there is news and goes on at once: a disk may take
//! seconds, and one that is sick may never answer. When the disk is ready the thread records what is known then.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::keeper::{Keeper, Restored};
use super::medium::Medium;
use super::{Confirmed, StateDirectory, StateError};
use crate::clock::Clock;
use crate::kv::Scope;
use crate::mirror::SharedMirror;
use crate::status::Board;

/// A call to the disk that takes longer counts as a failure, though it may still succeed.
const SLOW: Duration = Duration::from_secs(5);

/// Keeps the thread. When dropped it waits a little for the last write, and the thread ends behind that.
#[derive(Debug)]
pub(crate) struct Disk {
    writer: Writer,
    /// How long that is.
    flush_limit: Duration,
}

/// Says what is to be written. Never waits for the disk.
#[derive(Clone, Debug)]
pub(crate) struct Writer(Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    slot: Mutex<Slot>,
    /// Something is to be done.
    pub(super) wanted: Condvar,
    /// The thread has ended.
    pub(super) ended: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct Slot {
    /// Where failures show.
    board: Option<Arc<Board>>,
    /// How reading went, once it has been read.
    read: Option<Result<(), StateError>>,
    /// The disk does not have what is known.
    pub(super) is_news: bool,
    pub(super) confirmed: Option<Confirmed>,
    pub(super) is_closing: bool,
    pub(super) has_ended: bool,
    /// Since when the disk has been asked for something.
    pub(super) busy_since: Option<Instant>,
}

impl Disk {
    /// Starts the thread. It reads what is in the directory, from which mirror and clock go on, tells how that went, and
    /// from then on records the mirror.
    pub(crate) fn start(
        directory: StateDirectory,
        mirror: SharedMirror,
        clock: Arc<Clock>,
        flush_limit: Duration,
    ) -> io::Result<(Self, oneshot::Receiver<Restored>)> {
        let scope = directory.scope().clone();
        Self::start_on(directory, scope, mirror, clock, flush_limit)
    }

    pub(super) fn start_on(
        medium: impl Medium,
        scope: Scope,
        mirror: SharedMirror,
        clock: Arc<Clock>,
        flush_limit: Duration,
    ) -> io::Result<(Self, oneshot::Receiver<Restored>)> {
        let slot = Slot { busy_since: Some(Instant::now()), ..Slot::default() };
        let shared =
            Arc::new(Shared { slot: Mutex::new(slot), wanted: Condvar::new(), ended: Condvar::new() });
        let keeper = Keeper::new(Arc::clone(&shared), medium, scope, mirror, clock);
        let (sender, restored) = oneshot::channel();
        // Of its own: a disk may hang, and a runtime waits for its blocking tasks when it ends.
        thread::Builder::new().name("aldis-disk".to_owned()).spawn(|| keeper.run(sender))?;
        Ok((Self { writer: Writer(shared), flush_limit }, restored))
    }

    /// For the store's task.
    pub(crate) fn writer(&self) -> Writer {
        self.writer.clone()
    }

    /// Shows there how reading went, once it is known, and failures from now on.
    pub(crate) fn report_to(&self, board: &Arc<Board>) {
        let mut slot = self.writer.0.lock();
        slot.board = Some(Arc::clone(board));
        slot.show_read();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let shared = &self.writer.0;
        let mut slot = shared.lock();
        slot.is_closing = true;
        shared.wanted.notify_one();
        if slot.read.is_none() && !slot.is_news {
            // A start that failed meanwhile. There is nothing to lose.
            return;
        }
        let waited = shared.ended.wait_timeout_while(slot, self.flush_limit, |slot| !slot.has_ended);
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

impl Slot {
    /// This is how reading went. What was confirmed since counts more than what was before the restart.
    pub(super) fn was_read(&mut self, how: &Restored) {
        self.busy_since = None;
        self.confirmed = self.confirmed.or_else(|| how.as_ref().ok().copied().flatten());
        self.read = Some(how.as_ref().map(|_| ()).map_err(Clone::clone));
        self.show_read();
    }

    fn show_read(&self) {
        let (Some(board), Some(read)) = (&self.board, &self.read) else { return };
        let refused = read.as_ref().err().filter(|error| **error != StateError::Missing);
        board.update(|status| status.state_refused = refused.map(ToString::to_string));
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn complain_if_slow(&self, mut slot: MutexGuard<'_, Slot>) {
        if slot.busy_since.is_some_and(|since| since.elapsed() >= SLOW) {
            // Once for each time it is asked.
            slot.busy_since = None;
            drop(slot);
            self.failed(&format!("it has not answered for {} s", SLOW.as_secs()), true);
        }
    }

    /// Counts a failure, and tells of it in a line if that is `new`.
    pub(super) fn failed(&self, cause: &str, is_new: bool) {
        if is_new {
            tracing::error!(cause, "the disk did not take the state; what is in force is not affected");
        }
        let board = self.lock().board.clone();
        if let Some(board) = board {
            board.sink_failed("state directory", &cause);
        }
    }
}
