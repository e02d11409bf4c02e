//! A disk that is slow to be read, or cannot be.

use std::time::Instant;

use super::puppet::{FLUSH_LIMIT, PATIENCE, puppet, reading};
use super::{NOON, at, document, entry, listing, pulse, record};
use crate::kv::Revision;
use crate::sink::disk::{StateError, files};

#[test]
fn while_it_is_read_nothing_is_written_and_then_what_was_left_counts() {
    let (task, strings) = reading();
    let entries = vec![entry("d/a", 10, b"malformed"), entry("d/b", 11, &document("due", 60))];
    task.mirror.lock().replace(listing(40, entries), at(5_000));
    task.disk.writer().keep();
    assert!(strings.is_idle(), "there might be a state");
    let found = Ok((pulse(90_000), record()));
    strings.left.send(found).expect("the disk waits");
    let written = strings.record();
    assert_eq!(written.header.revision, Revision::new(40));
    let kept = |key: &str| written.keys.get(&key.into()).cloned().expect("is there");
    // The clock has been put forward to what was left: what was seen first by it without that lead was seen so much later.
    assert_eq!(kept("d/b").newest.first_seen, at(2_000), "since before the restart");
    assert_eq!(kept("d/a").good.expect("the last good one is back").first_seen, at(0));
    assert!(task.clock.now().as_u64() >= NOON + 90_000);
    assert_eq!(task.board.status().state_refused, None);
    strings.answer(Ok(()));
}

#[test]
fn dropping_does_not_wait_for_what_is_still_being_read_if_nothing_is_to_be_written() {
    let (task, strings) = reading();
    let began = Instant::now();
    drop(task);
    assert!(began.elapsed() < FLUSH_LIMIT / 2, "{:?}", began.elapsed());
    drop(strings);
}

#[test]
fn a_file_that_could_not_be_read_is_left_aside_before_another_takes_its_place() {
    let cause = StateError::Unreadable { cause: "permission denied".to_owned() };
    let (task, strings) = puppet(Some(Err(cause)));
    assert!(task.board.status().state_refused.is_some_and(|cause| cause.contains("permission denied")));
    assert!(strings.is_idle(), "it stays until then");
    for revision in 1..3 {
        task.come_to(revision);
        if revision == 1 {
            assert_eq!(strings.asked.recv_timeout(PATIENCE), Ok((files::State, b"left aside".to_vec())));
        }
        assert_eq!(strings.state(), revision);
        strings.answer(Ok(()));
    }
    strings.answer(Ok(()));
}
