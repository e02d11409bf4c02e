//! The native cache: one pointer that is swapped, and readers that hardly notice.

use std::fmt;
use std::sync::Arc;

use aldis_core::DirectiveSet;
use arc_swap::ArcSwap;
use arc_swap::cache::Cache;

use super::{Sink, SinkError};
use crate::mirror::Snapshot;

/// Holds the present snapshot for the threads of this process.
#[derive(Debug)]
pub struct NativeCache {
    present: Arc<ArcSwap<Snapshot>>,
}

impl NativeCache {
    /// A cache that starts with this snapshot.
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>) -> Self {
        Self { present: Arc::new(ArcSwap::new(snapshot)) }
    }

    /// The present snapshot, kept alive by the caller. Takes no lock, but touches a count that all threads share; a
    /// [`NativeReader`] does not.
    #[must_use]
    pub fn load(&self) -> Arc<Snapshot> {
        self.present.load_full()
    }

    /// The present set, kept alive by the caller.
    #[must_use]
    pub fn load_set(&self) -> Arc<DirectiveSet> {
        Arc::clone(&self.present.load().set)
    }

    /// A reader for one thread.
    #[must_use]
    pub fn reader(&self) -> NativeReader {
        NativeReader { cache: Cache::new(Arc::clone(&self.present)) }
    }
}

impl Sink for NativeCache {
    fn name(&self) -> &'static str {
        "native"
    }

    fn apply(&self, snapshot: &Arc<Snapshot>) -> Result<(), SinkError> {
        self.present.store(Arc::clone(snapshot));
        Ok(())
    }
}

/// One thread's view of the cache. Each load is one atomic read that no other thread writes until a new snapshot
/// comes; no lock, no allocation, no shared count.
///
/// It keeps the snapshot that it saw last alive until its next load.
#[derive(Clone)]
pub struct NativeReader {
    cache: Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>,
}

impl NativeReader {
    /// The present set.
    #[inline]
    pub fn load(&mut self) -> &DirectiveSet {
        &self.snapshot().set
    }

    /// The present snapshot.
    #[inline]
    pub fn snapshot(&mut self) -> &Snapshot {
        self.cache.load()
    }
}

impl fmt::Debug for NativeReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativeReader").finish_non_exhaustive()
    }
}
