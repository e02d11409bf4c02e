//! The files: found, refused, set aside, replaced.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use aldis_core::UnixMillis;
use tempfile::TempDir;

use super::{NOON, pulse, record, scope};
use crate::kv::Scope;
use crate::mirror::Record;
use crate::sink::disk::layout::{encode_clock, encode_state};
use crate::sink::disk::whole::{Lasting, System};
use crate::sink::disk::{Pulse, StateDirectory, StateError, files, layout, whole};

const WALL: UnixMillis = UnixMillis::new(NOON + 5_000);

fn directory() -> (TempDir, StateDirectory) {
    let home = TempDir::new().expect("a scratch folder");
    let directory = StateDirectory::new(home.path().join("state"), &scope());
    (home, directory)
}

/// A directory that holds a state.
fn filled() -> (TempDir, StateDirectory) {
    let (home, directory) = directory();
    let bytes = encode_state(&scope(), &pulse(0), &record());
    directory.replace(files::State, &bytes).expect("a working disk");
    (home, directory)
}

fn load(directory: &StateDirectory) -> Result<(Pulse, Record), StateError> {
    directory.load(WALL)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("readable").flatten();
    let mut endings: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().chars().skip(33).collect()).collect();
    endings.sort();
    endings
}

#[test]
fn nothing_is_not_an_error_that_sets_anything_aside() {
    let (home, directory) = directory();
    assert_eq!(load(&directory), Err(StateError::Missing));
    assert_eq!(fs::read_dir(home.path()).expect("readable").count(), 0, "reading creates nothing");
}

#[test]
fn what_was_written_is_found_with_the_later_of_both_readings() {
    let (_home, directory) = filled();
    assert_eq!(load(&directory), Ok((pulse(0), record())));
    for (written, expected) in [(4_000, 4_000), (0, 0)] {
        directory.replace(files::Clock, &encode_clock(&scope(), &pulse(written))).expect("written");
        assert_eq!(load(&directory), Ok((pulse(expected), record())));
    }
    let other = StateDirectory::new(
        directory.file(files::State).parent().expect("a folder").into(),
        &Scope::parse("e/"),
    );
    assert_eq!(load(&other), Err(StateError::Missing), "scopes do not meet");
}

/// It would be taken for that of the next state, and may be far ahead of it.
#[test]
fn a_clock_without_a_state_is_not_left_for_the_next_state() {
    let state = || encode_state(&scope(), &pulse(0), &record());
    for left in [None, Some(b"damaged".to_vec())] {
        let (_home, directory) = filled();
        directory.replace(files::Clock, &encode_clock(&scope(), &pulse(4_000))).expect("written");
        match left {
            None => fs::remove_file(directory.file(files::State)).expect("removed"),
            Some(damaged) => fs::write(directory.file(files::State), damaged).expect("written"),
        }
        assert!(load(&directory).is_err());
        directory.replace(files::State, &state()).expect("written");
        assert_eq!(load(&directory), Ok((pulse(0), record())));
    }
}

#[test]
fn only_the_owner_may_read() {
    let (home, directory) = filled();
    let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
    assert_eq!(mode(&directory.file(files::State)), 0o600);
    assert_eq!(mode(&home.path().join("state")), 0o700);
    assert_eq!(names(&home.path().join("state")), ["state"], "no temporary file is left");
}

#[test]
fn a_file_that_cannot_be_used_is_set_aside_and_written_anew() {
    let (home, directory) = filled();
    let whole = fs::read(directory.file(files::State)).expect("is there");
    for broken in [&b""[..], b"something else altogether", &whole[..whole.len() / 2]] {
        fs::write(directory.file(files::State), broken).expect("written");
        load(&directory).expect_err("is refused");
        assert_eq!(names(&home.path().join("state")), ["state.refused"], "the one before is replaced");
        assert_eq!(load(&directory), Err(StateError::Missing));
    }
    directory.replace(files::State, &whole).expect("written");
    assert_eq!(load(&directory), Ok((pulse(0), record())));
}

#[test]
fn a_clock_that_cannot_be_used_does_not_cost_the_state() {
    let (home, directory) = filled();
    fs::write(directory.file(files::Clock), "nonsense").expect("written");
    assert_eq!(load(&directory), Ok((pulse(0), record())));
    assert_eq!(names(&home.path().join("state")), ["clock.refused", "state"]);
}

const FAR: u64 = 400_000_000_000;

fn state_at(millis: u64) -> Vec<u8> {
    encode_state(&scope(), &pulse(millis), &record())
}

fn clock_at(millis: u64) -> Vec<u8> {
    encode_clock(&scope(), &pulse(millis))
}

#[test]
fn a_state_from_the_far_future_is_set_aside_unless_the_wall_clock_is_lost() {
    let (home, directory) = filled();
    directory.replace(files::State, &state_at(FAR)).expect("written");
    directory.replace(files::Clock, &clock_at(FAR)).expect("written");
    let lost = UnixMillis::new(86_400_000);
    assert_eq!(directory.load(lost), Ok((pulse(FAR), record())));
    let ahead = Duration::from_millis(FAR - 5_000);
    assert_eq!(load(&directory), Err(StateError::FromTheFuture { ahead }));
    assert_eq!(names(&home.path().join("state")), ["clock.refused", "state.refused"]);
    assert_eq!(load(&directory), Err(StateError::Missing));
}

#[test]
fn a_clock_from_the_far_future_does_not_cost_the_state() {
    let (home, directory) = filled();
    directory.replace(files::Clock, &clock_at(FAR)).expect("written");
    assert_eq!(load(&directory), Ok((pulse(0), record())));
    assert_eq!(names(&home.path().join("state")), ["clock.refused", "state"]);
}

/// A file of which nothing may be read beyond these bytes.
struct Short<'b>(&'b [u8]);

impl Read for Short<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("was read too far")),
            length => Ok(length),
        }
    }
}

#[test]
fn of_what_is_not_ours_no_more_than_the_head_is_read() {
    let (state, clock) = (state_at(0), clock_at(0));
    let read = |bytes: &[u8], length| {
        whole::read_from(Short(&bytes[..20]), length, layout::STATE).expect_err("is not worth reading")
    };
    let length = state.len() as u64;
    assert_eq!(read(&[b'x'; 20], 1 << 29), StateError::Foreign);
    assert_eq!(read(&clock, clock.len() as u64), StateError::Foreign);
    assert_eq!(read(&state, length - 1), StateError::Torn { expected: length, found: length - 1 });
    assert_eq!(read(&state, 1 << 29), StateError::Torn { expected: length, found: 1 << 29 });
    assert!(matches!(read(&state, length), StateError::Unreadable { .. }), "the twin: it reads on");
}

#[test]
fn folders_and_loops_in_place_of_files_are_refused() {
    let (home, directory) = directory();
    fs::create_dir_all(directory.file(files::State)).expect("a folder");
    assert_eq!(load(&directory), Err(StateError::Foreign));
    assert_eq!(names(&home.path().join("state")), ["state.refused"]);

    let file = directory.file(files::State);
    std::os::unix::fs::symlink(&file, &file).expect("a link to itself");
    assert!(matches!(load(&directory), Err(StateError::Unreadable { .. })));
    assert!(fs::symlink_metadata(&file).is_ok(), "what the system does not let us read stays");
    directory.replace(files::State, b"new").expect("and is replaced by what is written");
    assert_eq!(fs::read(&file).expect("a file"), b"new");
}

#[test]
fn a_sparse_file_of_a_terabyte_is_not_read() {
    let (_home, directory) = filled();
    File::options()
        .write(true)
        .open(directory.file(files::State))
        .expect("open")
        .set_len(1 << 40)
        .expect("sparse");
    assert_eq!(load(&directory), Err(StateError::TooLarge));
}

#[test]
fn a_path_that_cannot_be_a_directory_fails_and_leaves_everything_as_it_was() {
    let (home, _) = directory();
    let file = home.path().join("file");
    fs::write(&file, "mine").expect("written");
    for path in [file.clone(), file.join("below"), "/dev/full".into(), "/proc/none".into()] {
        let directory = StateDirectory::new(path, &scope());
        assert!(load(&directory).is_err());
        directory.replace(files::State, b"state").expect_err("there is no place");
    }
    assert_eq!(fs::read(&file).expect("still there"), b"mine");
}

#[test]
fn temporary_files_are_removed_once_their_process_must_be_gone() {
    let (home, directory) = filled();
    let folder = home.path().join("state");
    let stem: String = names_whole(&folder).first().expect("one file").chars().take(32).collect();
    let old = folder.join(format!(".{stem}.state.0123.tmp"));
    let young = folder.join(format!(".{stem}.state.4567.tmp"));
    let foreign = folder.join(".other.state.89ab.tmp");
    for file in [&old, &young, &foreign] {
        fs::write(file, "half").expect("written");
    }
    let then = SystemTime::now() - Duration::from_secs(2 * 3_600);
    for file in [&old, &foreign] {
        File::options().write(true).open(file).expect("open").set_modified(then).expect("aged");
    }
    load(&directory).expect("a state");
    assert!(!old.exists() && young.exists() && foreign.exists());
}

#[test]
fn a_process_that_is_killed_again_and_again_does_not_fill_the_disk() {
    let (home, directory) = filled();
    let file = directory.file(files::State);
    let stem = file.file_stem().expect("a name").to_string_lossy().into_owned();
    for number in 0..50 {
        fs::write(home.path().join(format!("state/.{stem}.state.{number:016x}.tmp")), "half")
            .expect("written");
        load(&directory).expect("a state");
    }
    assert!(names_whole(&home.path().join("state")).len() < 10);
}

/// Where root reads everything there is nothing to show.
#[test]
fn a_directory_that_may_be_written_and_not_read_takes_a_state() {
    let (home, directory) = filled();
    let folder = home.path().join("state");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o300)).expect("ours");
    let replaced = directory.replace(files::State, &state_at(1_000));
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("ours");
    replaced.expect("it is in place");
    assert_eq!(load(&directory), Ok((pulse(1_000), record())));
}

#[test]
fn what_some_filesystems_do_not_have_is_no_failure_and_what_fails_is() {
    for kind in [io::ErrorKind::InvalidInput, io::ErrorKind::Unsupported, io::ErrorKind::PermissionDenied] {
        assert!(whole::is_beyond_us(&kind.into()), "{kind}");
    }
    assert!(!whole::is_beyond_us(&io::Error::other("the disk is gone")));
    let nowhere = Path::new("/proc/none");
    assert!(whole::sync_directory(nowhere).is_err());
}

fn names_whole(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("readable").flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// The system, until it is stopped: by a loss of power, say.
#[derive(Default)]
struct Stopped {
    /// After so many steps.
    after: usize,
    steps: RefCell<Vec<&'static str>>,
}

impl Stopped {
    fn step(&self, name: &'static str, step: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        if self.steps.borrow().len() >= self.after {
            return Err(io::Error::other("stopped"));
        }
        self.steps.borrow_mut().push(name);
        step()
    }
}

impl Lasting for Stopped {
    fn sync(&self, file: &File) -> io::Result<()> {
        self.step("sync", || System.sync(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step("rename", || System.rename(from, to))
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.step("sync the directory", || System.sync_directory(path))
    }
}

#[test]
fn a_file_is_on_disk_before_its_name_is_and_wherever_that_stops_there_is_a_whole_one() {
    let steps = ["sync", "rename", "sync the directory"];
    for after in 0..=steps.len() {
        let (_home, directory) = filled();
        let system = Stopped { after, ..Stopped::default() };
        let replaced = directory.replace_by(&system, files::State, &state_at(1_000));
        assert_eq!((replaced.is_ok(), &system.steps.borrow()[..]), (after == steps.len(), &steps[..after]));
        let millis = if after < 2 { 0 } else { 1_000 };
        assert_eq!(load(&directory), Ok((pulse(millis), record())), "after {after} steps");
    }
}

#[test]
fn writers_and_readers_at_the_same_time_never_see_half_a_file() {
    let (_home, directory) = filled();
    let versions: Vec<Vec<u8>> =
        (0..4).map(|number| encode_state(&scope(), &pulse(number), &record())).collect();
    std::thread::scope(|threads| {
        for bytes in &versions {
            let directory = &directory;
            threads.spawn(move || {
                for _ in 0..50 {
                    directory.replace(files::State, bytes).expect("the last writer wins");
                }
            });
        }
        for _ in 0..200 {
            let (read, found) = load(&directory).expect("always whole");
            assert!(read.reading <= pulse(3).reading && found == record());
        }
    });
    assert_eq!(names_whole(directory.file(files::State).parent().expect("a folder")).len(), 1);
}
