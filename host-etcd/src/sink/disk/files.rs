//! The files of one scope in a state directory.

use std::cmp::Reverse;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::whole::{self, Lasting, System, create_private};
use super::{StateError, layout};
use crate::kv::Scope;
use crate::mirror::Digest;

pub(super) use super::whole::MAX_BYTES;

/// A temporary file this old was left by a process that is gone. What is younger may be another's at work.
const LEFT_BEHIND: Duration = Duration::from_secs(3_600);

/// Of those that are younger the newest few are left alone. More are not written at a time; a process that is killed
/// again and again must not fill the disk. Should one be missed, its writer tries again.
const AT_WORK: usize = 4;

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
        let read = self.read(kind, decode);
        if read.as_ref().is_err_and(StateError::is_of_the_file) {
            self.set_aside(kind, "refused");
        }
        read
    }

    /// Reads a file; `None` if it does not exist.
    pub(super) fn read<T>(
        &self,
        kind: Kind,
        decode: impl FnOnce(&Scope, &[u8]) -> Result<T, StateError>,
    ) -> Result<Option<T>, StateError> {
        let bytes = whole::read(&self.file(kind), kind.magic())?;
        bytes.map(|bytes| decode(&self.scope, &bytes)).transpose()
    }

    /// Keeps a file for whoever wants to know what was wrong with it, in place of the one that was kept before.
    pub(super) fn set_aside(&self, kind: Kind, why: &str) {
        let file = self.file(kind);
        let aside = self.path.join(format!("{}.{}.{why}", self.stem, kind.ending()));
        match fs::rename(&file, &aside) {
            Ok(()) => tracing::warn!(file = %aside.display(), "set a file of the state directory aside"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(file = %file.display(), %error, "could not set a file aside"),
        }
    }

    /// Replaces a file, so that whatever happens there is the old one or the new one.
    pub(super) fn replace(&self, kind: Kind, bytes: &[u8]) -> io::Result<()> {
        self.replace_by(&System, kind, bytes)
    }

    pub(super) fn replace_by(&self, system: &impl Lasting, kind: Kind, bytes: &[u8]) -> io::Result<()> {
        create_private(&self.path)?;
        let random = fastrand::u64(..);
        let temporary = self.path.join(format!(".{}.{}.{random:016x}.tmp", self.stem, kind.ending()));
        let replaced = whole::write(system, &temporary, bytes)
            .and_then(|()| system.rename(&temporary, &self.file(kind)));
        if replaced.is_err() {
            // There is nothing to be done about one that stays.
            let _removed = fs::remove_file(&temporary);
        }
        replaced?;
        system.sync_directory(&self.path)
    }

    /// Removes temporary files that processes left behind when they were killed.
    pub(super) fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.path) else { return };
        let mut temporary: Vec<(SystemTime, PathBuf)> = entries
            .flatten()
            .filter(|entry| entry.file_name().to_str().is_some_and(|name| self.is_temporary(name)))
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        temporary.sort_by_key(|(written, _)| Reverse(*written));
        for (place, (written, file)) in temporary.iter().enumerate() {
            if place >= AT_WORK || written.elapsed().is_ok_and(|age| age > LEFT_BEHIND) {
                let _removed = fs::remove_file(file);
            }
        }
    }

    fn is_temporary(&self, name: &str) -> bool {
        name.strip_prefix('.').is_some_and(|name| name.starts_with(&self.stem)) && name.ends_with(".tmp")
    }
}

impl Kind {
    const fn ending(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Clock => "clock",
        }
    }

    const fn magic(self) -> [u8; 8] {
        match self {
            Self::State => layout::STATE,
            Self::Clock => layout::CLOCK,
        }
    }
}
