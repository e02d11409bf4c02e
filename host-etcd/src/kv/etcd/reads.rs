//! Reads.

use std::slice;

use async_trait::async_trait;
use etcd_client::GetOptions;

use super::connection::{EtcdConnection, entry, header};
use super::pages::{self, Fetch};
use crate::kv::{Header, Key, KvEntry, KvError, KvReader, Listing, request};

#[async_trait]
impl KvReader for EtcdConnection {
    async fn get(&self, key: &Key) -> Result<(Header, Option<KvEntry>), KvError> {
        request::check_key(key)?;
        let answer = self.range(key, GetOptions::new()).await;
        let mut answer = answer.map_err(|error| self.range_error(error, "get"))?;
        Ok((header(answer.header()), answer.take_kvs().into_iter().next().map(entry)))
    }

    /// etcd keeps no tombstones: a deleted key is gone, and what is there is what [`get`](Self::get) shows.
    async fn entry(&self, key: &Key) -> Result<(Header, Option<KvEntry>), KvError> {
        self.get(key).await
    }

    async fn keys(&self, prefix: &Key) -> Result<Vec<Key>, KvError> {
        let listing = pages::list(self, slice::from_ref(prefix), Fetch::Keys, "keys").await?;
        Ok(listing.entries.into_iter().map(|entry| entry.key).collect())
    }

    async fn scan(&self, prefix: &Key) -> Result<Listing, KvError> {
        pages::list(self, slice::from_ref(prefix), Fetch::Entries, "scan").await
    }
}
