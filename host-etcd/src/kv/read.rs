//! Reading.

use async_trait::async_trait;

use super::{Header, Key, KvEntry, KvError};

/// Reads single keys.
#[async_trait]
pub trait KvReader: Send + Sync {
    /// The entry under `key` with the header of the answer; a linearizable read.
    async fn get(&self, key: &Key) -> Result<(Header, Option<KvEntry>), KvError>;
}
