//! A file, read as a whole and written as a whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use super::StateError;
use super::layout::{BEFORE_SUM, check_head};

/// Bytes of a state: far more than what a set may have, with all its versions.
pub(in super::super) const MAX_BYTES: u64 = 1 << 30;

/// Reads a file that begins with `magic`; `None` if it does not exist.
pub(super) fn read(file: &Path, magic: [u8; 8]) -> Result<Option<Vec<u8>>, StateError> {
    let about = match fs::metadata(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        about => about.map_err(unreadable)?,
    };
    // Opening a pipe would wait for somebody at its other end.
    if !about.is_file() {
        return Err(StateError::Foreign);
    }
    let source = File::open(file).map_err(unreadable)?;
    // Not of what `about` told of, which may have been replaced since.
    let length = source.metadata().map_err(unreadable)?.len();
    read_from(source, length, magic).map(Some)
}

/// Reads no more than the head of what is not worth reading, however long it is.
pub(super) fn read_from(mut source: impl Read, length: u64, magic: [u8; 8]) -> Result<Vec<u8>, StateError> {
    if length > MAX_BYTES {
        return Err(StateError::TooLarge);
    }
    let mut bytes = Vec::new();
    let mut read_up_to = |bytes: &mut Vec<u8>, end: u64| {
        let left = end.saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        source.by_ref().take(left).read_to_end(bytes).map_err(unreadable)
    };
    read_up_to(&mut bytes, u64::try_from(BEFORE_SUM).unwrap_or(u64::MAX))?;
    check_head(magic, &bytes, length)?;
    read_up_to(&mut bytes, length)?;
    Ok(bytes)
}

fn unreadable(error: io::Error) -> StateError {
    StateError::Unreadable { cause: error.to_string() }
}

/// What makes a replaced file last, in this order. The system's calls, or a test's that takes note of them and stops.
pub(super) trait Lasting {
    /// What is in the file must be on disk before its name is.
    fn sync(&self, file: &File) -> io::Result<()>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Without this a rename may be lost with the power.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
}

pub(super) struct System;

impl Lasting for System {
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        sync_directory(path)
    }
}

/// Writes a file that does not exist yet, down to the disk.
pub(super) fn write(system: &impl Lasting, file: &Path, bytes: &[u8]) -> io::Result<()> {
    if u64::try_from(bytes.len()).map_or(true, |length| length > MAX_BYTES) {
        return Err(io::Error::new(ErrorKind::FileTooLarge, StateError::TooLarge));
    }
    let mut options = OpenOptions::new();
    // Never through a link that somebody put there.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(file)?;
    file.write_all(bytes)?;
    system.sync(&file)
}

/// Creates the directory for its owner alone, and those above it that are missing. One that exists stays as it is.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|path| !path.exists()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    // A directory is on disk when the one above it is.
    missing.iter().filter_map(|created| created.parent()).try_for_each(sync_directory)
}

/// Only Unix opens directories.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    // A relative path of one name lies in the empty path.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path).and_then(|directory| directory.sync_all()).or_else(|error| match is_beyond_us(&error) {
        true => Ok(()),
        false => Err(error),
    })
}

/// Whether it says that this directory cannot be synced by us at all: some network filesystems have no such thing, and a
/// directory may be ours to write and not to read. What was renamed is in place all the same.
pub(super) fn is_beyond_us(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::PermissionDenied)
}
