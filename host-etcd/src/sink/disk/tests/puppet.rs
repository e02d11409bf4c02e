//! A disk on strings, and a store's task before it.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aldis_core::UnixMillis;
use tokio::sync::oneshot;

use super::{NOON, at, document, entry, listing, pulse, record, scope};
use crate::clock::{Clock, Readings};
use crate::mirror::{Mirror, Record, SharedMirror};
use crate::sink::disk::files::Kind;
use crate::sink::disk::layout::{decode_clock, decode_state};
use crate::sink::disk::medium::Medium;
use crate::sink::disk::{Disk, Found, Pulse, Restored, StateError, files};
use crate::status::Board;

pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How long dropping waits for a disk that answers, on a machine with other things to do.
pub(super) const FLUSH_LIMIT: Duration = Duration::from_secs(30);

/// A clock that stands where it was set.
pub(super) struct Still(pub(super) AtomicU64);

impl Readings for Still {
    fn monotonic(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn wall(&self) -> Option<u64> {
        Some(NOON + self.monotonic())
    }
}

pub(super) fn clock() -> (Arc<Still>, Arc<Clock>) {
    let still = Arc::new(Still(AtomicU64::new(1_000)));
    let clock = Clock::new(Arc::<Still>::clone(&still)).expect("has a clock");
    (still, Arc::new(clock))
}

/// A store's task: what it comes to know it has written.
pub(super) struct Task {
    pub(super) disk: Disk,
    pub(super) mirror: SharedMirror,
    pub(super) board: Arc<Board>,
    pub(super) still: Arc<Still>,
    pub(super) clock: Arc<Clock>,
    /// How reading went.
    pub(super) restored: oneshot::Receiver<Restored>,
}

impl Task {
    pub(super) fn come_to(&self, revision: u64) {
        let entries = vec![entry("d/a", revision, &document("one", 60))];
        self.mirror.lock().replace(listing(revision, entries), at(0));
        self.disk.writer().keep();
    }
}

/// A disk that does what it is told: it tells of each call, and takes its result from outside.
pub(super) struct Puppet {
    pub(super) asked: Mutex<Sender<(Kind, Vec<u8>)>>,
    pub(super) answers: Mutex<Receiver<io::Result<()>>>,
    pub(super) left: Mutex<Receiver<Found>>,
    /// Whether somebody has removed the state.
    pub(super) is_removed: Arc<AtomicBool>,
    /// How far another process has come.
    pub(super) theirs: Arc<AtomicU64>,
}

pub(super) struct Strings {
    pub(super) asked: Receiver<(Kind, Vec<u8>)>,
    pub(super) answers: Sender<io::Result<()>>,
    pub(super) left: Sender<Found>,
    pub(super) is_removed: Arc<AtomicBool>,
    pub(super) theirs: Arc<AtomicU64>,
}

impl Medium for Puppet {
    fn load(&self, _wall: UnixMillis) -> Found {
        self.left.lock().expect("unbroken").recv().unwrap_or_else(|_| nothing())
    }

    fn replace(&self, kind: Kind, bytes: &[u8]) -> io::Result<()> {
        self.asked.lock().expect("unbroken").send((kind, bytes.to_vec())).expect("the test goes on");
        self.answers.lock().expect("unbroken").recv().unwrap_or(Ok(()))
    }

    fn has(&self, _kind: Kind) -> bool {
        !self.is_removed.load(Ordering::Relaxed)
    }

    fn reading(&self) -> Option<UnixMillis> {
        Some(UnixMillis::new(self.theirs.load(Ordering::Relaxed)))
    }

    fn leave_unread(&self, kind: Kind) {
        self.asked.lock().expect("unbroken").send((kind, b"left aside".to_vec())).expect("the test goes on");
    }
}

impl Strings {
    /// The revision of the state that is being written.
    pub(super) fn state(&self) -> u64 {
        self.record().revision.as_u64()
    }

    pub(super) fn record(&self) -> Record {
        let (kind, bytes) = self.asked.recv_timeout(PATIENCE).expect("a write");
        assert_eq!(kind, files::State);
        decode_state(&scope(), &bytes).expect("is whole").1
    }

    pub(super) fn clock(&self) -> Pulse {
        let (kind, bytes) = self.asked.recv_timeout(PATIENCE).expect("a write");
        assert_eq!(kind, files::Clock);
        decode_clock(&scope(), &bytes).expect("is whole")
    }

    pub(super) fn answer(&self, answer: io::Result<()>) {
        self.answers.send(answer).expect("the disk waits");
    }

    pub(super) fn is_idle(&self) -> bool {
        self.asked.recv_timeout(Duration::from_millis(300)).is_err()
    }
}

/// A disk that has not been read yet.
pub(super) fn reading() -> (Task, Strings) {
    reading_with(FLUSH_LIMIT)
}

pub(super) fn reading_with(flush_limit: Duration) -> (Task, Strings) {
    let (still, clock) = clock();
    let board = Board::new(Arc::clone(&clock), "test".to_owned());
    let ((tell, asked), (answers, take), (left, read)) = (channel(), channel(), channel());
    let (is_removed, theirs) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
    let medium = Puppet {
        asked: Mutex::new(tell),
        answers: Mutex::new(take),
        left: Mutex::new(read),
        is_removed: Arc::clone(&is_removed),
        theirs: Arc::clone(&theirs),
    };
    let mirror = SharedMirror::new(Mirror::new());
    let started = Disk::start_on(medium, scope(), mirror.clone(), Arc::clone(&clock), flush_limit);
    let (disk, restored) = started.expect("a thread");
    disk.report_to(&board);
    (
        Task { disk, mirror, board, still, clock, restored },
        Strings { asked, answers, left, is_removed, theirs },
    )
}

pub(super) fn nothing() -> Found {
    Err(StateError::Missing)
}

pub(super) fn left() -> Found {
    Ok((pulse(0), record()))
}

/// A disk on which this was left.
pub(super) fn puppet(found: Option<Found>) -> (Task, Strings) {
    let (mut task, strings) = reading();
    strings.left.send(found.unwrap_or_else(nothing)).expect("the disk waits");
    let began = Instant::now();
    while task.restored.try_recv().is_err() {
        assert!(began.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(1));
    }
    (task, strings)
}

pub(super) fn failures(board: &Board, expected: u64) {
    let began = Instant::now();
    while board.status().sink_failures < expected {
        assert!(began.elapsed() < PATIENCE, "{:?}", board.status());
        std::thread::sleep(Duration::from_millis(5));
    }
}
