//! Changing single keys.

use async_trait::async_trait;

use super::{Key, KvError, Revision};

/// Changes single keys.
#[async_trait]
pub trait KvWriter: Send + Sync {
    /// Puts `value` whatever is there; the new revision.
    async fn put(&self, key: &Key, value: &[u8]) -> Result<Revision, KvError>;

    /// Puts `value` if the key's `mod_revision` is `expected` ([`Revision::ZERO`]: if the key does not exist);
    /// otherwise [`KvError::Conflict`] and nothing is changed.
    async fn update(&self, key: &Key, value: &[u8], expected: Revision) -> Result<Revision, KvError>;

    /// Deletes the key; whether it existed.
    async fn delete(&self, key: &Key) -> Result<bool, KvError>;
}
