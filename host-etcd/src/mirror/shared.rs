//! A mirror that the store's task changes and the thread that writes to disk records.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Mirror;

/// A mirror for two: the store's task, which alone changes it, and the thread that writes to disk, which takes a record
/// when the disk is ready for one. So a change costs nothing for being recorded. Readers have snapshots and never come
/// here.
#[derive(Clone, Debug)]
pub(crate) struct SharedMirror(Arc<Mutex<Mirror>>);

impl SharedMirror {
    pub(crate) fn new(mirror: Mirror) -> Self {
        Self(Arc::new(Mutex::new(mirror)))
    }

    /// Not to be held across an await. What a panic left half changed the mirror puts in force with the next list.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Mirror> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
