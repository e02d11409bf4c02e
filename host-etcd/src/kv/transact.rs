//! Changing several keys at once, or none.

use async_trait::async_trait;

use super::{Key, KvError, LeaseId, Revision, VersionToken};

/// What a key must be for a transaction to take place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvCondition {
    /// The key.
    pub key: Key,
    /// The version that it must have; `None`: it must not exist.
    pub version: Option<VersionToken>,
}

impl KvCondition {
    /// The key must be at this version.
    #[must_use]
    pub fn at(key: impl Into<Key>, version: VersionToken) -> Self {
        Self { key: key.into(), version: Some(version) }
    }

    /// The key must not exist.
    #[must_use]
    pub fn absent(key: impl Into<Key>) -> Self {
        Self { key: key.into(), version: None }
    }
}

/// One change of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvChange {
    /// Puts a value under a key.
    Put {
        /// The key.
        key: Key,
        /// The value.
        value: Vec<u8>,
        /// The lease with whose end the key goes; `None`: it stays, even if an earlier value had a lease.
        lease: Option<LeaseId>,
    },
    /// Deletes a key; nothing if it does not exist.
    Delete(Key),
}

impl KvChange {
    /// Puts a value that stays.
    #[must_use]
    pub fn put(key: impl Into<Key>, value: impl Into<Vec<u8>>) -> Self {
        Self::Put { key: key.into(), value: value.into(), lease: None }
    }

    /// Puts a value that goes with a lease.
    #[must_use]
    pub fn put_under(key: impl Into<Key>, value: impl Into<Vec<u8>>, lease: LeaseId) -> Self {
        Self::Put { key: key.into(), value: value.into(), lease: Some(lease) }
    }

    /// Deletes a key.
    #[must_use]
    pub fn delete(key: impl Into<Key>) -> Self {
        Self::Delete(key.into())
    }

    /// The key that is changed.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Delete(key) => key,
        }
    }
}

/// Changes several keys at once.
#[async_trait]
pub trait KvTransact: Send + Sync {
    /// Makes all changes at one revision, if every condition holds; the revision of the store after it. A transaction
    /// that changes nothing — it only deletes keys that do not exist — leaves the revision where it is.
    ///
    /// A transaction without an answer may have happened.
    ///
    /// # Errors
    ///
    /// Nothing is changed then, unless it is [`KvError::Timeout`] or [`KvError::Failed`]:
    ///
    /// * [`KvError::Conflict`] for the first condition that does not hold.
    /// * [`KvError::LeaseExpired`] if a lease is named that has ended.
    /// * [`KvError::TooLargeForServer`] if the server takes less than the backend was told.
    /// * Unsent: [`KvError::ForeignToken`], [`KvError::TooLarge`], [`KvError::TooManyOperations`] (more than
    ///   [`MAX_TRANSACTION_OPERATIONS`](super::MAX_TRANSACTION_OPERATIONS) conditions or changes),
    ///   [`KvError::DuplicateKey`] if two changes name one key, [`KvError::EmptyKey`].
    async fn transact(&self, conditions: &[KvCondition], changes: &[KvChange]) -> Result<Revision, KvError>;
}
