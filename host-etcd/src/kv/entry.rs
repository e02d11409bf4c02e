//! What a store holds, and how it changes.

use std::str::Utf8Error;

use super::{Bytes, Key, Revision, VersionToken};

/// Where an answer comes from and how far the store had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The cluster's id. A wiped cluster may come back under the same one.
    pub cluster_id: u64,
    /// The store's revision when it answered.
    pub revision: Revision,
}

/// One key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvEntry {
    /// The key.
    pub key: Key,
    /// The value, as it came from the store: not copied since, and cheap to clone.
    pub value: Bytes,
    /// The revision that last changed the key.
    pub mod_revision: Revision,
}

impl KvEntry {
    /// The version to hand back where the key is to be changed only if it is still this one.
    #[must_use]
    pub fn version(&self) -> VersionToken {
        self.mod_revision.into()
    }

    /// The value as text.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn value_str(&self) -> Result<&str, Utf8Error> {
        std::str::from_utf8(&self.value)
    }
}

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvUpdate {
    /// The key was created or changed.
    Put(KvEntry),
    /// The key was deleted at this revision.
    Delete {
        /// The key.
        key: Key,
        /// The revision that deleted it.
        mod_revision: Revision,
    },
}

impl KvUpdate {
    /// The key that changed.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Put(entry) => &entry.key,
            Self::Delete { key, .. } => key,
        }
    }

    /// The revision of the change.
    #[must_use]
    pub fn mod_revision(&self) -> Revision {
        match self {
            Self::Put(entry) => entry.mod_revision,
            Self::Delete { mod_revision, .. } => *mod_revision,
        }
    }

    /// The version that the change has made: of a deletion that of the deletion itself, at which no key is.
    #[must_use]
    pub fn version(&self) -> VersionToken {
        self.mod_revision().into()
    }
}

/// The whole scope at one revision, in key order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Cluster, and the revision at which every page of the list was read.
    pub header: Header,
    /// The entries in key order.
    pub entries: Vec<KvEntry>,
}
