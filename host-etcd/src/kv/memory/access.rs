//! Single keys, transactions and leases.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::{MAX_REQUEST_BYTES, MemoryKv};
use crate::kv::lease::whole_seconds;
use crate::kv::{
    Header, Key, KvChange, KvCondition, KvEntry, KvError, KvPurge, KvReader, KvSource, KvTransact, KvTtl,
    KvWriter, Lease, LeaseId, Listing, Revision, Scope, request,
};

#[async_trait]
impl KvReader for MemoryKv {
    async fn get(&self, key: &Key) -> Result<(Header, Option<KvEntry>), KvError> {
        request::check_key(key)?;
        let state = self.shared.lock();
        Ok((state.header(), state.entry(key).cloned()))
    }

    /// As in etcd, a deleted key is gone: what is there is what [`get`](Self::get) shows.
    async fn entry(&self, key: &Key) -> Result<(Header, Option<KvEntry>), KvError> {
        self.get(key).await
    }

    async fn keys(&self, prefix: &Key) -> Result<Vec<Key>, KvError> {
        Ok(self.scan(prefix).await?.entries.into_iter().map(|entry| entry.key).collect())
    }

    async fn scan(&self, prefix: &Key) -> Result<Listing, KvError> {
        self.list(&Scope::Prefix(prefix.clone())).await
    }
}

#[async_trait]
impl KvWriter for MemoryKv {
    async fn delete(&self, key: &Key) -> Result<bool, KvError> {
        request::check_key(key)?;
        Ok(self.shared.change(|state| {
            let exists = state.entry(key).is_some();
            state.apply([KvChange::Delete(key.clone())]);
            exists
        }))
    }
}

/// A delete, as on etcd: earlier values go when the history is compacted.
#[async_trait]
impl KvPurge for MemoryKv {
    async fn purge(&self, key: &Key) -> Result<(), KvError> {
        self.delete(key).await.map(drop)
    }
}

#[async_trait]
impl KvTransact for MemoryKv {
    async fn transact(&self, conditions: &[KvCondition], changes: &[KvChange]) -> Result<Revision, KvError> {
        let expected = request::check(conditions, changes, MAX_REQUEST_BYTES)?;
        self.shared.change(|state| state.transact(&expected, changes))
    }
}

/// Leases end by the clock of tokio, so also in the virtual time of its tests; without a task: whoever looks next, and
/// every open watch, sees their keys gone.
#[async_trait]
impl KvTtl for MemoryKv {
    async fn grant(&self, ttl: Duration) -> Result<Lease, KvError> {
        let ttl = Duration::from_secs(whole_seconds(ttl)?);
        Ok(self.shared.change(|state| state.grant(ttl, Instant::now())))
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<Duration, KvError> {
        self.shared.change(|state| state.keep_alive(lease, Instant::now()))
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), KvError> {
        self.shared.change(|state| state.revoke(lease));
        Ok(())
    }
}
