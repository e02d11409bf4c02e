//! The seam between a proxy and whatever keeps its directives fresh.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::set::DirectiveSet;

/// Where a proxy gets the current set from.
///
/// Asked once per request, so an implementation keeps a local copy and does no I/O.
pub trait DirectiveStore: Send + Sync {
    /// The set in force now.
    fn load(&self) -> Arc<DirectiveSet>;
}

/// A set that never changes.
impl DirectiveStore for Arc<DirectiveSet> {
    fn load(&self) -> Arc<DirectiveSet> {
        Self::clone(self)
    }
}

/// A store whose set is published from within the process.
#[derive(Debug)]
pub struct InMemoryDirectiveStore {
    current: ArcSwap<DirectiveSet>,
}

impl InMemoryDirectiveStore {
    /// A store with the empty set: every decision is [`OFF`](crate::Decision::OFF).
    #[must_use]
    pub fn new() -> Self {
        Self { current: ArcSwap::from_pointee(DirectiveSet::empty()) }
    }

    /// This store, with `set` in force.
    #[must_use]
    pub fn with_directives(self, set: DirectiveSet) -> Self {
        self.publish(set);
        self
    }

    /// Puts `set` in force: the next [`load`](DirectiveStore::load) on any thread gives it. Takes no lock.
    pub fn publish(&self, set: DirectiveSet) {
        self.current.store(Arc::new(set));
    }
}

/// The empty set, which widens nothing.
impl Default for InMemoryDirectiveStore {
    fn default() -> Self {
        Self::new()
    }
}

impl DirectiveStore for InMemoryDirectiveStore {
    fn load(&self) -> Arc<DirectiveSet> {
        self.current.load_full()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UnixMillis;

    const BODY: &[u8] = br#"{"directives":[{"id":"a","level":"Shape","ttl_secs":1}]}"#;

    #[test]
    fn a_published_set_is_what_every_thread_loads() {
        let set = DirectiveSet::decode(BODY, UnixMillis::new(0)).expect("is valid");
        let store = InMemoryDirectiveStore::new();
        assert!(store.load().is_empty());
        let before = store.load();
        store.publish(set.clone());
        assert!(before.is_empty(), "what was loaded stays as it was");
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(*store.load(), set));
        });
        assert_eq!(*InMemoryDirectiveStore::default().with_directives(set.clone()).load(), set);
        assert_eq!(*DirectiveStore::load(&Arc::new(set.clone())), set);
    }
}
