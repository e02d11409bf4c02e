//! Following prefixes.

use async_trait::async_trait;
use tokio::sync::mpsc::Sender;

use super::MemoryKv;
use super::watcher::MemoryWatch;
use crate::kv::follow::{Follow, follow};
use crate::kv::prefixes::Prefixes;
use crate::kv::{Key, KvBatch, KvError, KvWatch, KvWatcher, Listing, Revision, Scope, WatchCursor};

#[async_trait]
impl Follow for MemoryKv {
    async fn list_prefixes(&self, prefixes: &Prefixes) -> Result<Listing, KvError> {
        let state = self.shared.lock();
        let entries =
            prefixes.as_slice().iter().flat_map(|prefix| state.entries(&Scope::Prefix(prefix.clone())));
        Ok(Listing { header: state.header(), entries: entries.collect() })
    }

    async fn open(&self, prefixes: &Prefixes, from: Revision) -> Result<Box<dyn KvWatch>, KvError> {
        let prefixes = prefixes.clone();
        Ok(Box::new(MemoryWatch::new(&self.shared, Box::new(move |key| prefixes.contains(key)), from)))
    }
}

#[async_trait]
impl KvWatcher for MemoryKv {
    async fn watch_prefixes(&self, prefixes: &[Key], tx: Sender<KvBatch>) -> Result<(), KvError> {
        follow(self, prefixes, &WatchCursor::none(), &tx).await
    }

    async fn watch_prefixes_from(
        &self,
        prefixes: &[Key],
        cursor: &WatchCursor,
        tx: Sender<KvBatch>,
    ) -> Result<(), KvError> {
        follow(self, prefixes, cursor, &tx).await
    }
}
