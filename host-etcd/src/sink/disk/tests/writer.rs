//! The thread: the latest wins, nobody waits, failures show.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aldis_core::UnixMillis;
use tempfile::TempDir;

use super::{NOON, pulse, record, scope};
use crate::clock::{Clock, Readings};
use crate::kv::Revision;
use crate::mirror::Record;
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

fn puppet(restored: Option<&Pulse>) -> (Disk, Strings, Arc<Board>, Arc<Still>) {
    let (still, clock) = clock();
    let board = Board::new(Arc::clone(&clock), "test".to_owned());
    let ((tell, asked), (answers, take)) = (channel(), channel());
    let medium = Puppet { asked: Mutex::new(tell), answers: Mutex::new(take) };
    let disk = Disk::start_on(medium, scope(), clock, Arc::clone(&board), restored).expect("a thread");
    (disk, Strings { asked, answers }, board, still)
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
    let (disk, strings, board, _) = puppet(None);
    let writer = disk.writer();
    writer.keep(at_revision(1));
    assert_eq!(strings.state(), 1);
    for revision in 2..1_000 {
        writer.keep(at_revision(revision));
    }
    strings.answer(Ok(()));
    assert_eq!(strings.state(), 999);
    strings.answer(Ok(()));
    assert_eq!(board.status().sink_failures, 0);
    drop(strings);
}

#[test]
fn a_disk_that_does_not_answer_counts_as_a_failure_once_and_does_not_hold_up_the_end() {
    let (disk, strings, board, _) = puppet(None);
    let writer = disk.writer();
    writer.keep(at_revision(1));
    assert_eq!(strings.state(), 1);
    let confirmed = Confirmed { at: UnixMillis::new(NOON), revision: Revision::new(1) };
    let began = Instant::now();
    while board.status().sink_failures == 0 {
        assert!(began.elapsed() < PATIENCE);
        writer.confirmed(confirmed);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(began.elapsed() >= Duration::from_secs(5) - Duration::from_millis(100));
    writer.confirmed(confirmed);
    let status = board.status();
    assert_eq!(status.sink_failures, 1);
    assert!(status.last_error.is_some_and(|error| error.contains("has not answered")));
    let began = Instant::now();
    drop(disk);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn what_the_disk_did_not_take_is_written_at_the_end_at_the_latest() {
    let (disk, strings, board, _) = puppet(None);
    disk.writer().keep(at_revision(1));
    assert_eq!(strings.state(), 1);
    strings.answer(Err(io::Error::other("no space left")));
    failures(&board, 1);
    assert!(board.status().last_error.is_some_and(|error| error == "state directory: no space left"));
    disk.writer().keep(at_revision(2));
    assert_eq!(strings.state(), 2, "something new is tried at once");
    strings.answer(Err(io::Error::other("no space left")));
    failures(&board, 2);
    strings.answer(Ok(()));
    drop(disk);
    assert_eq!(strings.state(), 2);
}

#[test]
fn the_end_writes_the_time_and_the_last_confirmation() {
    let (disk, strings, _, still) = puppet(Some(&pulse(0)));
    let confirmed = Confirmed { at: UnixMillis::new(NOON + 500), revision: Revision::new(40) };
    disk.writer().confirmed(confirmed);
    still.0.store(90_000, Ordering::Relaxed);
    strings.answer(Ok(()));
    drop(disk);
    let written = strings.clock();
    assert_eq!((written.reading.as_u64(), written.confirmed), (NOON + 90_000, Some(confirmed)));
}

#[test]
fn without_a_state_no_clock_is_written() {
    let (disk, strings, _, _) = puppet(None);
    drop(disk);
    assert!(strings.asked.recv().is_err(), "the thread ended without a write");
}

#[test]
fn what_is_restored_and_not_confirmed_anew_keeps_its_confirmation() {
    let (disk, strings, _, _) = puppet(Some(&pulse(0)));
    strings.answer(Ok(()));
    drop(disk);
    assert_eq!(strings.clock().confirmed, pulse(0).confirmed);
}

#[test]
fn the_time_is_written_when_a_directive_has_just_ended() {
    let (disk, strings, _, still) = puppet(None);
    // The first to end does so 60 s past noon.
    still.0.store(59_500, Ordering::Relaxed);
    disk.writer().keep(record());
    strings.state();
    still.0.store(60_001, Ordering::Relaxed);
    strings.answer(Ok(()));
    let began = Instant::now();
    assert_eq!(strings.clock().reading.as_u64(), NOON + 60_001);
    assert!(began.elapsed() < Duration::from_secs(30), "not only after a minute");
    strings.answer(Ok(()));
    strings.answer(Ok(()));
    drop(disk);
}

#[test]
fn on_a_real_disk_dropping_writes_what_was_kept() {
    let home = TempDir::new().expect("a scratch folder");
    let directory = StateDirectory::new(home.path().into(), &scope());
    for revision in 1..20 {
        let (_, clock) = clock();
        let board = Board::new(Arc::clone(&clock), "test".to_owned());
        let disk = Disk::start(directory.clone(), clock, Arc::clone(&board), None).expect("a thread");
        disk.writer().keep(at_revision(revision));
        drop(disk);
        let (_, found) = directory.load(UnixMillis::new(NOON)).expect("is there");
        assert_eq!((found.revision.as_u64(), board.status().sink_failures), (revision, 0));
    }
}
