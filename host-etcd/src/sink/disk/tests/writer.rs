//! The thread: the latest wins, nobody waits, failures show.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aldis_core::UnixMillis;
use tempfile::TempDir;

use super::{NOON, at, document, mirror, pulse, put, record, scope};
use crate::clock::{Clock, Readings};
use crate::kv::Revision;
use crate::mirror::{Record, SharedMirror};
use crate::sink::disk::files::Kind;
use crate::sink::disk::layout::{decode_clock, decode_state};
use crate::sink::disk::writer::Medium;
use crate::sink::disk::{Confirmed, Disk, Pulse, StateDirectory, files};
use crate::status::Board;

const PATIENCE: Duration = Duration::from_secs(60);

/// A clock that stands where it was set.
struct Still(AtomicU64);

impl Readings for Still {
    fn monotonic(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn wall(&self) -> Option<u64> {
        Some(NOON + self.monotonic())
    }
}

fn clock() -> (Arc<Still>, Arc<Clock>) {
    let still = Arc::new(Still(AtomicU64::new(1_000)));
    let clock = Clock::new(Arc::<Still>::clone(&still)).expect("has a clock");
    (still, Arc::new(clock))
}

fn at_revision(revision: u64) -> Record {
    Record { revision: Revision::new(revision), ..record() }
}

/// What is known: nothing, until a revision is set.
#[derive(Clone, Default)]
struct Known(Arc<AtomicU64>);

impl Known {
    fn record(&self) -> Option<Record> {
        Some(self.0.load(Ordering::Relaxed)).filter(|revision| *revision > 0).map(at_revision)
    }
}

/// A store's task: what it comes to know it has written.
struct Task {
    disk: Disk,
    known: Known,
    board: Arc<Board>,
    still: Arc<Still>,
}

impl Task {
    fn come_to(&self, revision: u64) {
        self.known.0.store(revision, Ordering::Relaxed);
        self.disk.writer().keep();
    }
}

/// A disk that does what it is told: it tells of each write, and takes its result from outside.
struct Puppet {
    asked: Mutex<Sender<(Kind, Vec<u8>)>>,
    answers: Mutex<Receiver<io::Result<()>>>,
}

struct Strings {
    asked: Receiver<(Kind, Vec<u8>)>,
    answers: Sender<io::Result<()>>,
}

impl Medium for Puppet {
    fn replace(&self, kind: Kind, bytes: &[u8]) -> io::Result<()> {
        self.asked.lock().expect("unbroken").send((kind, bytes.to_vec())).expect("the test goes on");
        self.answers.lock().expect("unbroken").recv().unwrap_or(Ok(()))
    }
}

impl Strings {
    /// The revision of the state that is being written.
    fn state(&self) -> u64 {
        let (kind, bytes) = self.asked.recv_timeout(PATIENCE).expect("a write");
        assert_eq!(kind, files::State);
        decode_state(&scope(), &bytes).expect("is whole").1.revision.as_u64()
    }

    fn clock(&self) -> Pulse {
        let (kind, bytes) = self.asked.recv_timeout(PATIENCE).expect("a write");
        assert_eq!(kind, files::Clock);
        decode_clock(&scope(), &bytes).expect("is whole")
    }

    fn answer(&self, answer: io::Result<()>) {
        self.answers.send(answer).expect("the disk waits");
    }
}

fn puppet(restored: Option<&Pulse>) -> (Task, Strings) {
    let (still, clock) = clock();
    let board = Board::new(Arc::clone(&clock), "test".to_owned());
    let ((tell, asked), (answers, take)) = (channel(), channel());
    let medium = Puppet { asked: Mutex::new(tell), answers: Mutex::new(take) };
    let known = Known::default();
    let record = {
        let known = known.clone();
        move || known.record()
    };
    let disk = Disk::start_on(medium, scope(), record, clock, Arc::clone(&board), restored);
    let disk = disk.expect("a thread");
    (Task { disk, known, board, still }, Strings { asked, answers })
}

fn failures(board: &Board, expected: u64) {
    let began = Instant::now();
    while board.status().sink_failures < expected {
        assert!(began.elapsed() < PATIENCE, "{:?}", board.status());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn while_a_write_hangs_the_latest_waits_and_those_before_it_are_never_written() {
    let (task, strings) = puppet(None);
    task.come_to(1);
    assert_eq!(strings.state(), 1);
    for revision in 2..1_000 {
        task.come_to(revision);
    }
    strings.answer(Ok(()));
    assert_eq!(strings.state(), 999);
    strings.answer(Ok(()));
    assert_eq!(task.board.status().sink_failures, 0);
    drop(strings);
}

#[test]
fn however_fast_documents_change_the_disk_has_time_for_itself() {
    let (task, strings) = puppet(None);
    task.come_to(1);
    assert_eq!(strings.state(), 1);
    let began = Instant::now();
    task.come_to(2);
    strings.answer(Ok(()));
    assert_eq!(strings.state(), 2);
    assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
    drop(strings);
}

#[test]
fn a_disk_that_does_not_answer_counts_as_a_failure_once_and_does_not_hold_up_the_end() {
    let (task, strings) = puppet(None);
    task.come_to(1);
    assert_eq!(strings.state(), 1);
    let confirmed = Confirmed { at: UnixMillis::new(NOON), revision: Revision::new(1) };
    let began = Instant::now();
    while task.board.status().sink_failures == 0 {
        assert!(began.elapsed() < PATIENCE);
        task.disk.writer().confirmed(confirmed);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(began.elapsed() >= Duration::from_secs(5) - Duration::from_millis(100));
    task.disk.writer().confirmed(confirmed);
    let status = task.board.status();
    assert_eq!(status.sink_failures, 1);
    assert!(status.last_error.is_some_and(|error| error.contains("has not answered")));
    let began = Instant::now();
    drop(task);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn what_the_disk_did_not_take_is_written_at_the_end_at_the_latest() {
    let (task, strings) = puppet(None);
    task.come_to(1);
    assert_eq!(strings.state(), 1);
    strings.answer(Err(io::Error::other("no space left")));
    failures(&task.board, 1);
    assert!(task.board.status().last_error.is_some_and(|error| error == "state directory: no space left"));
    task.come_to(2);
    assert_eq!(strings.state(), 2, "something new is tried at once");
    strings.answer(Err(io::Error::other("no space left")));
    failures(&task.board, 2);
    strings.answer(Ok(()));
    drop(task);
    assert_eq!(strings.state(), 2);
}

#[test]
fn the_end_writes_the_time_and_the_last_confirmation() {
    let (task, strings) = puppet(Some(&pulse(0)));
    let confirmed = Confirmed { at: UnixMillis::new(NOON + 500), revision: Revision::new(40) };
    task.disk.writer().confirmed(confirmed);
    task.still.0.store(90_000, Ordering::Relaxed);
    strings.answer(Ok(()));
    drop(task);
    let written = strings.clock();
    assert_eq!((written.reading.as_u64(), written.confirmed), (NOON + 90_000, Some(confirmed)));
}

#[test]
fn without_a_state_no_clock_is_written() {
    let (task, strings) = puppet(None);
    drop(task);
    assert!(strings.asked.recv().is_err(), "the thread ended without a write");
}

#[test]
fn what_is_restored_and_not_confirmed_anew_keeps_its_confirmation() {
    let (task, strings) = puppet(Some(&pulse(0)));
    strings.answer(Ok(()));
    drop(task);
    assert_eq!(strings.clock().confirmed, pulse(0).confirmed);
}

#[test]
fn the_time_is_written_when_a_directive_has_just_ended() {
    let (task, strings) = puppet(None);
    // The first to end does so 60 s past noon.
    task.still.0.store(59_500, Ordering::Relaxed);
    task.come_to(1);
    strings.state();
    task.still.0.store(60_001, Ordering::Relaxed);
    strings.answer(Ok(()));
    let began = Instant::now();
    assert_eq!(strings.clock().reading.as_u64(), NOON + 60_001);
    assert!(began.elapsed() < Duration::from_secs(30), "not only after a minute");
    strings.answer(Ok(()));
    strings.answer(Ok(()));
    drop(task);
}

#[test]
fn on_a_real_disk_dropping_writes_what_is_known() {
    let home = TempDir::new().expect("a scratch folder");
    let directory = StateDirectory::new(home.path().into(), &scope());
    let mirror = SharedMirror::new(mirror());
    for revision in 20..40 {
        let (_, clock) = clock();
        let board = Board::new(Arc::clone(&clock), "test".to_owned());
        let disk = Disk::start(directory.clone(), mirror.clone(), clock, Arc::clone(&board), None);
        let disk = disk.expect("a thread");
        put(&mut mirror.lock(), revision, "d/a", &document("new", 60), at(0));
        disk.writer().keep();
        drop(disk);
        let (_, found) = directory.load(UnixMillis::new(NOON)).expect("is there");
        assert_eq!(Some(found), mirror.lock().record());
        assert_eq!(board.status().sink_failures, 0);
    }
}
