//! Reading and changing single keys, and several of them at once.

use std::time::Duration;

use async_trait::async_trait;

use super::{Header, Key, KvEntry, KvError, Revision, VersionToken};

/// Reads single keys.
#[async_trait]
pub trait KvReader: Send + Sync {
    /// The entry under `key` with the header of the answer; a linearizable read.
    async fn get(&self, key: &Key) -> Result<(Header, Option<KvEntry>), KvError>;
}

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

/// What a key must be for a transaction to take place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvCondition {
    /// The key.
    pub key: Key,
    /// The version that it must have; `None`: it must not exist.
    pub version: Option<VersionToken>,
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
        /// The lease with whose end the key goes, if any.
        lease: Option<LeaseId>,
    },
    /// Deletes a key; nothing if it does not exist.
    Delete(Key),
}

/// Changes several keys at once.
#[async_trait]
pub trait KvTransact: Send + Sync {
    /// Makes all changes at one revision, which it returns, if every condition holds; else [`KvError::Conflict`] for
    /// the first that does not, and nothing is changed.
    async fn transact(&self, conditions: &[KvCondition], changes: &[KvChange]) -> Result<Revision, KvError>;
}

/// The name of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseId(pub i64);

/// A lease: the keys put under it go when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its name.
    pub id: LeaseId,
    /// How long it lives without being renewed, as the server grants it: whole seconds, and perhaps more than was
    /// asked for.
    pub ttl: Duration,
}

/// Keys that go by themselves.
///
/// A lease is not an expiry: it ends no sooner than it says, but over a restart of the server it may live several times
/// as long. What must end on time carries its end in its value.
#[async_trait]
pub trait KvTtl: Send + Sync {
    /// Grants a lease of at least `ttl`, rounded up to whole seconds.
    async fn grant(&self, ttl: Duration) -> Result<Lease, KvError>;

    /// Renews a lease; how long it lives from now. [`KvError::LeaseExpired`] if it has ended.
    async fn keep_alive(&self, lease: LeaseId) -> Result<Duration, KvError>;

    /// Ends a lease, and with it its keys. A lease that has ended is no error.
    async fn revoke(&self, lease: LeaseId) -> Result<(), KvError>;

    /// Puts a value that goes after `ttl`, under a lease of its own.
    async fn put_with_ttl(&self, key: &Key, value: &[u8], ttl: Duration) -> Result<VersionToken, KvError>;
}
