//! What a subscription yields.

use crate::kv::{Header, KvUpdate, Revision};

/// Changes that belong together. Whoever has applied every burst so far holds what the scope held at `revision`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Burst {
    /// Where they come from.
    pub kind: BurstKind,
    /// The store's revision at which the scope is so. It never decreases, except where the kind is
    /// [`BurstKind::NewIncarnation`]. Each entry has its own `mod_revision` besides, which is not above it.
    pub revision: Revision,
    /// The changes, each key at most once. A deletion that was not seen as an event carries the revision at which the
    /// key was found missing; it was deleted at that or before.
    pub updates: Vec<KvUpdate>,
}

/// Where the changes of a [`Burst`] come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BurstKind {
    /// Everything that is there: the first burst, once, and empty if nothing is there.
    Snapshot,
    /// One transaction, whole.
    Live,
    /// What differs from what was delivered: events are gone (compacted while the link was down) or were lost, and the
    /// scope was read again. Never empty.
    Difference,
    /// The cluster was restored, wiped or replaced. What differs from what was delivered, which may be nothing; from
    /// here on revisions count anew.
    NewIncarnation {
        /// Cluster and revision that were followed.
        from: Header,
        /// Cluster and revision that are followed now.
        to: Header,
    },
}
