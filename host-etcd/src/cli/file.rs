//! A file that is followed: looked at four times a second, and published to an embedded backend when it changes.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::kv::KvChange;
use crate::kv::memory::MemoryKv;
use crate::store::DEFAULT_SCOPE;

use super::failure::Failure;
use super::input;

const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What tells one state of a file from the next without reading it.
type Look = Option<(u64, SystemTime)>;

/// A file, and a store of its own that holds its content under the usual key. A file that is gone is a key that is
/// deleted.
pub(super) struct Follower {
    path: PathBuf,
    store: MemoryKv,
    last: Look,
}

impl Follower {
    /// Reads the file for the first time.
    pub(super) fn start(path: PathBuf) -> Result<Self, Failure> {
        let follower = Self { last: look(&path)?, path, store: MemoryKv::new() };
        follower.publish()?;
        Ok(follower)
    }

    /// What holds the content.
    pub(super) fn store(&self) -> MemoryKv {
        self.store.clone()
    }

    /// Follows for as long as it is polled.
    pub(super) async fn follow(&mut self) {
        let mut was_read = true;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            match self.look_again() {
                Ok(()) => was_read = true,
                // What cannot be read keeps its last content, as a store keeps its last good document.
                Err(error) if std::mem::take(&mut was_read) => {
                    tracing::warn!(%error, "the file cannot be read, what it said before stays");
                }
                Err(_) => {}
            }
        }
    }

    fn look_again(&mut self) -> Result<(), Failure> {
        let now = look(&self.path)?;
        if now != self.last {
            self.publish()?;
            self.last = now;
        }
        Ok(())
    }

    /// Whatever its size: a document may be larger than what etcd takes in one request.
    fn publish(&self) -> Result<(), Failure> {
        let key = DEFAULT_SCOPE.into();
        let change = match look(&self.path)? {
            Some(_) => KvChange::put(key, input::read(&self.path)?),
            None => KvChange::Delete(key),
        };
        self.store.transaction([change]);
        Ok(())
    }
}

fn look(path: &Path) -> Result<Look, Failure> {
    match path.metadata() {
        Ok(metadata) => Ok(Some((metadata.len(), metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(Failure::trouble(format!("cannot look at {}: {}", path.display(), input::io_cause(&error))))
        }
    }
}
