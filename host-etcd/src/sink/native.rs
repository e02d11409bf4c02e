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

    /// Looks at the present snapshot without counting a reference to it.
    pub fn with<T>(&self, look: impl FnOnce(&Arc<Snapshot>) -> T) -> T {
        look(&self.present.load())
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

#[cfg(test)]
mod tests {
    use aldis_core::UnixMillis;

    use super::*;
    use crate::kv::Revision;
    use crate::mirror::Digest;

    fn snapshot(revision: u64, body: &[u8]) -> Arc<Snapshot> {
        let set = DirectiveSet::decode(body, UnixMillis::new(0)).expect("is valid");
        Arc::new(Snapshot::new(Revision::new(revision), Digest::of([]), Arc::new(set)))
    }

    #[test]
    fn what_is_applied_is_what_every_reader_loads_next() {
        let cache = NativeCache::new(snapshot(0, br#"{"directives":[]}"#));
        let mut reader = cache.reader();
        assert!(reader.load().is_empty());
        let one = snapshot(1, br#"{"directives":[{"id":"a","level":"Shape","ttl_secs":1}]}"#);
        cache.apply(&one).expect("never fails");
        std::thread::scope(|scope| {
            let mut other = reader.clone();
            scope.spawn(move || assert_eq!(other.snapshot().revision, Revision::new(1)));
        });
        assert_eq!((reader.load().len(), cache.load(), cache.load_set().len()), (1, one, 1));
    }

    #[test]
    fn a_load_of_what_has_not_changed_touches_no_count() {
        let cache = NativeCache::new(snapshot(0, br#"{"directives":[]}"#));
        let present = cache.load();
        let mut reader = cache.reader();
        reader.load();
        let count = Arc::strong_count(&present);
        let held = reader.snapshot();
        assert_eq!((Arc::strong_count(&present), held), (count, &*present));
    }
}
