//! Reading.

use async_trait::async_trait;

use super::{Header, Key, KvEntry, KvError, Listing};

/// Reads keys. Every read is linearizable: it sees what was written before it was asked.
#[async_trait]
pub trait KvReader: Send + Sync {
    /// The entry under `key`, with the header of the answer. An empty value is a value.
    ///
    /// # Errors
    ///
    /// [`KvError::EmptyKey`], unsent; the backend's.
    async fn get(&self, key: &Key) -> Result<(Header, Option<KvEntry>), KvError>;

    /// The raw record under `key`, deleted ones included where a backend keeps those as values of their own.
    ///
    /// It is required, with no body to inherit: a backend with tombstones that forgot it would hide the version that a
    /// compare-and-swap over a tombstone needs. One where a delete takes the key away — etcd, memory — says so by
    /// handing on to [`get`](Self::get).
    ///
    /// # Errors
    ///
    /// Those of [`get`](Self::get).
    async fn entry(&self, key: &Key) -> Result<(Header, Option<KvEntry>), KvError>;

    /// The keys that start with `prefix`, in order, as of one revision; the empty prefix is every key. Their values are
    /// not fetched.
    ///
    /// # Errors
    ///
    /// The backend's.
    async fn keys(&self, prefix: &Key) -> Result<Vec<Key>, KvError>;

    /// The entries whose keys start with `prefix`, in order, as of one revision; the empty prefix is every key. Any
    /// number of any size: they are fetched in pages, and held in memory together.
    ///
    /// # Errors
    ///
    /// The backend's.
    async fn scan(&self, prefix: &Key) -> Result<Listing, KvError>;
}
