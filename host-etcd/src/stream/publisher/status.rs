//! What a publisher knows about its lease.

use std::collections::BTreeSet;

use crate::kv::{Key, Lease};

/// What a publisher knows about its lease, at one moment. Without a lease all of it is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PubStatus {
    /// The lease; `None` while it is lost and could not be granted anew.
    pub lease: Option<Lease>,
    /// How many keys are under it.
    pub keys: usize,
    /// How many times it was lost and granted anew, with everything put again.
    pub regranted: u64,
    /// Create-only keys that somebody else had taken when they were to be put again. They are not put any more.
    pub taken: BTreeSet<Key>,
    /// Why the last renewal failed, for people; `None` if it did not.
    pub last_error: Option<String>,
}
