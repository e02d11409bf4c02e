//! What is published, and what was not.

use std::fmt;
use std::str::Utf8Error;

use crate::kv::{Key, KvError};

/// A value to be put under a key.
#[derive(Clone, PartialEq, Eq)]
pub struct EtcdEntry {
    /// The key.
    pub key: Key,
    /// The value.
    pub value: Vec<u8>,
}

impl EtcdEntry {
    /// A value to be put under a key.
    #[must_use]
    pub fn new(key: impl Into<Key>, value: impl Into<Vec<u8>>) -> Self {
        Self { key: key.into(), value: value.into() }
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

/// Shows how long the value is, but not the value.
impl fmt::Debug for EtcdEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EtcdEntry({:?}, {} bytes)", self.key, self.value.len())
    }
}

/// Why a burst is not known to be written, and what of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause} ({} entries are not known to be written)", rest.len())]
pub struct PublishError {
    /// What went wrong.
    #[source]
    pub cause: KvError,
    /// Every entry that is not known to be written, in order: ready to be published again.
    pub rest: Vec<EtcdEntry>,
}

/// An error beside the bursts: nothing of them is concerned.
impl From<KvError> for PublishError {
    fn from(cause: KvError) -> Self {
        Self { cause, rest: Vec::new() }
    }
}
