//! The files of one scope in a state directory: read whole, replaced whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::StateError;
use crate::kv::Scope;
use crate::mirror::Digest;

/// Bytes of a state: far more than what a set may have, with all its versions.
pub(super) const MAX_BYTES: u64 = 1 << 30;

/// A temporary file this old was left by a process that is gone. What is younger may be another's at work.
const LEFT_BEHIND: Duration = Duration::from_secs(3_600);

/// One of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What the mirror knows.
    State,
    /// How far the clock has come.
    Clock,
}

pub(super) use Kind::{Clock, State};

/// A directory for states, and the scope whose files are meant.
#[derive(Clone, Debug)]
pub(crate) struct StateDirectory {
    path: PathBuf,
    scope: Scope,
    /// What the names of its files begin with.
    stem: String,
}

impl StateDirectory {
    pub(crate) fn new(path: PathBuf, scope: &Scope) -> Self {
        let (kind, name): (&[u8], _) = match scope {
            Scope::Key(key) => (b"key", key),
            Scope::Prefix(prefix) => (b"prefix", prefix),
        };
        let stem = Digest::of([(kind, name.as_bytes())]).to_string().chars().take(32).collect();
        Self { path, scope: scope.clone(), stem }
    }

    pub(super) const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Where a file lies.
    pub(super) fn file(&self, kind: Kind) -> PathBuf {
        self.path.join(format!("{}.{}", self.stem, kind.ending()))
    }

    /// Reads a file; `None` if it does not exist. One that is at fault itself is set aside.
    pub(super) fn open<T>(
        &self,
        kind: Kind,
        decode: impl FnOnce(&Scope, &[u8]) -> Result<T, StateError>,
    ) -> Result<Option<T>, StateError> {
        let decoded = match read(&self.file(kind)) {
            Ok(None) => return Ok(None),
            Ok(Some(bytes)) => decode(&self.scope, &bytes),
            Err(error) => Err(error),
        };
        if decoded.as_ref().is_err_and(StateError::is_of_the_file) {
            self.set_aside(kind);
        }
        decoded.map(Some)
    }

    /// Keeps a file for whoever wants to know what was wrong with it, in place of the one that was kept before.
    pub(super) fn set_aside(&self, kind: Kind) {
        let file = self.file(kind);
        let aside = self.path.join(format!("{}.{}.refused", self.stem, kind.ending()));
        match fs::rename(&file, &aside) {
            Ok(()) => tracing::warn!(file = %aside.display(), "set a file of the state directory aside"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(file = %file.display(), %error, "could not set a file aside"),
        }
    }

    /// Replaces a file, so that whatever happens there is the old one or the new one.
    pub(super) fn replace(&self, kind: Kind, bytes: &[u8]) -> io::Result<()> {
        create_private(&self.path)?;
        let random = fastrand::u64(..);
        let temporary = self.path.join(format!(".{}.{}.{random:016x}.tmp", self.stem, kind.ending()));
        let replaced = write(&temporary, bytes).and_then(|()| fs::rename(&temporary, self.file(kind)));
        if replaced.is_err() {
            // There is nothing to be done about one that stays.
            let _removed = fs::remove_file(&temporary);
        }
        replaced?;
        sync_directory(&self.path)
    }

    /// Removes temporary files that processes left behind when they were killed.
    pub(super) fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.path) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let is_ours = name.to_str().is_some_and(|name| {
                name.strip_prefix('.').is_some_and(|name| name.starts_with(&self.stem))
                    && name.ends_with(".tmp")
            });
            let age = entry.metadata().and_then(|about| about.modified()).map(|at| at.elapsed());
            if is_ours && matches!(age, Ok(Ok(age)) if age > LEFT_BEHIND) {
                let _removed = fs::remove_file(entry.path());
            }
        }
    }
}

impl Kind {
    const fn ending(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Clock => "clock",
        }
    }
}

fn read(file: &Path) -> Result<Option<Vec<u8>>, StateError> {
    let unreadable = |error: io::Error| StateError::Unreadable { cause: error.to_string() };
    let about = match fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        about => about.map_err(unreadable)?,
    };
    // Opening a pipe would wait for somebody at its other end.
    if !about.is_file() {
        return Err(StateError::Foreign);
    }
    if about.len() > MAX_BYTES {
        return Err(StateError::TooLarge);
    }
    let mut bytes = Vec::new();
    // It may have grown since.
    File::open(file).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes)).map_err(unreadable)?;
    Ok(Some(bytes))
}

fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    // Never through a link that somebody put there.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(file)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Creates the directory for its owner alone. One that exists stays as it is.
fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Without this a rename may be lost with the power. Only Unix opens directories.
fn sync_directory(path: &Path) -> io::Result<()> {
    match cfg!(unix) {
        true => File::open(path)?.sync_all(),
        false => Ok(()),
    }
}
