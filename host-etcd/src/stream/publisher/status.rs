//! What a publisher knows about its lease.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::kv::{Key, KvError, Lease};

/// What a publisher knows about its lease, at one moment. Without a lease all of it is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PubStatus {
    /// The lease; `None` while it is known to be lost and could not be granted anew.
    pub lease: Option<Lease>,
    /// When the last renewal that was answered was asked for, or the grant. If that is longer ago than the lease lives,
    /// it may have ended without anybody having been told, and the keys with it.
    pub renewed_at: Option<Instant>,
    /// How many keys are under it.
    pub keys: usize,
    /// How many times it was lost and granted anew, with everything put again.
    pub regranted: u64,
    /// Create-only keys that somebody else had taken when they were to be put again. They are not put any more.
    pub taken: BTreeSet<Key>,
    /// Keys that were to be put again and that the server refuses, each with its reason: the right to it is gone, or it is
    /// too large for this server. All others are there. They are tried again with each renewal, create-only ones when the
    /// lease is lost the next time.
    pub refused: BTreeMap<Key, KvError>,
    /// Why the last renewal failed, for people; `None` if it did not.
    pub last_error: Option<String>,
}
