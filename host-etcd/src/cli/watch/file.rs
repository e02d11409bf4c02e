//! A file that is followed: looked at four times a second, and published to an embedded backend when it changes.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::cli::backend::DEFAULT_KEY;
use crate::cli::failure::Failure;
use crate::cli::input;
use crate::kv::KvWriter;
use crate::kv::memory::MemoryKv;

const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What tells one state of a file from the next without reading it.
type Look = Option<(u64, SystemTime)>;

/// The file's content under the usual key of a store of its own, for as long as the runtime lives. A file that is gone
/// is a key that is deleted.
pub(super) async fn follow(path: PathBuf) -> Result<MemoryKv, Failure> {
    let store = MemoryKv::new();
    let mut last = look(&path)?;
    publish(&store, &path).await?;
    let follower = store.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            // What cannot be looked at keeps its last content, as a store keeps its last good document.
            let Ok(now) = look(&path) else { continue };
            if now != last && publish(&follower, &path).await.is_ok() {
                last = now;
            }
        }
    });
    Ok(store)
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

async fn publish(store: &MemoryKv, path: &Path) -> Result<(), Failure> {
    let key = DEFAULT_KEY.into();
    match look(path)? {
        Some(_) => store.put(&key, &input::read(path)?).await.map(drop)?,
        None => store.delete(&key).await.map(drop)?,
    }
    Ok(())
}
