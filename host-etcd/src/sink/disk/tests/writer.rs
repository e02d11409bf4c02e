//! The thread: the latest wins, nobody waits, failures show.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use aldis_core::UnixMillis;
use tempfile::TempDir;

use super::puppet::{
    FLUSH_LIMIT, PATIENCE, Strings, Task, clock, failures, left, nothing, puppet, reading_with,
};
use super::{NOON, at, document, mirror, pulse, put, record, scope};
use crate::kv::Revision;
use crate::mirror::SharedMirror;
use crate::sink::disk::{Confirmed, Disk, StateDirectory};
use crate::status::Board;

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
    let (task, strings) = reading_with(Duration::from_millis(500));
    strings.left.send(nothing()).expect("the disk waits");
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
    let (task, strings) = puppet(Some(left()));
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
    let (task, strings) = puppet(Some(left()));
    strings.answer(Ok(()));
    drop(task);
    assert_eq!(strings.clock().confirmed, pulse(0).confirmed);
}

/// A state is written, and then the first of its directives ends, 60 s past noon.
fn just_past_an_end() -> (Task, Strings) {
    let (task, strings) = puppet(None);
    task.still.0.store(59_500, Ordering::Relaxed);
    task.come_to(1);
    strings.state();
    task.still.0.store(60_001, Ordering::Relaxed);
    strings.answer(Ok(()));
    (task, strings)
}

#[test]
fn the_time_is_written_when_a_directive_has_just_ended() {
    let (task, strings) = just_past_an_end();
    let began = Instant::now();
    assert_eq!(strings.clock().reading.as_u64(), NOON + 60_001);
    assert!(began.elapsed() < Duration::from_secs(30), "not only after a minute");
    strings.answer(Ok(()));
    strings.answer(Ok(()));
    drop(task);
}

#[test]
fn a_clock_that_the_disk_does_not_take_is_not_tried_again_each_second() {
    let (task, strings) = just_past_an_end();
    strings.clock();
    strings.answer(Err(io::Error::other("no space left")));
    failures(&task.board, 1);
    assert!(strings.asked.recv_timeout(Duration::from_millis(2_500)).is_err(), "the disk is left alone");
    assert_eq!(task.board.status().sink_failures, 1);
    strings.answer(Ok(()));
    drop(task);
    strings.clock();
}

#[test]
fn a_state_that_somebody_removed_is_written_again_with_the_next_pulse() {
    let (task, strings) = puppet(Some(left()));
    strings.is_removed.store(true, Ordering::Relaxed);
    strings.answer(Ok(()));
    drop(task);
    assert_eq!(strings.record(), record());
}

#[test]
fn the_clock_of_another_process_that_has_come_further_is_kept() {
    for (theirs, written) in [(500_000, 500_000), (0, 1_000), (400_000_000_000, 1_000)] {
        let (task, strings) = puppet(Some(left()));
        strings.theirs.store(NOON + theirs, Ordering::Relaxed);
        strings.answer(Ok(()));
        drop(task);
        assert_eq!(strings.clock().reading.as_u64(), NOON + written);
    }
}

#[test]
fn on_a_real_disk_dropping_writes_what_is_known() {
    let home = TempDir::new().expect("a scratch folder");
    let directory = StateDirectory::new(home.path().into(), &scope());
    let mirror = SharedMirror::new(mirror());
    for revision in 20..40 {
        let (_, clock) = clock();
        let board = Board::new(Arc::clone(&clock), "test".to_owned());
        let disk = Disk::start(directory.clone(), mirror.clone(), clock, FLUSH_LIMIT);
        let (disk, _restored) = disk.expect("a thread");
        disk.report_to(&board);
        put(&mut mirror.lock(), revision, "d/a", &document("new", 60), at(0));
        disk.writer().keep();
        drop(disk);
        let (_, found) = directory.load(UnixMillis::new(NOON)).expect("is there");
        assert_eq!(Some(found), mirror.lock().record());
        assert_eq!(board.status().sink_failures, 0);
    }
}
