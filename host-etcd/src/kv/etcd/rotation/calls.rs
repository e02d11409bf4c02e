//! Every call of the seam, and how often it may be sent.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc::Sender;

use super::EtcdKv;
use crate::kv::follow::while_received;
use crate::kv::{
    Connect, Header, Key, KvBatch, KvChange, KvCondition, KvEntry, KvError, KvPurge, KvReader, KvSource,
    KvTransact, KvTtl, KvWatch, KvWatcher, KvWriter, Lease, LeaseId, Listing, Revision, Scope, WatchCursor,
};

/// Runs a call, on a new connection as often as `$again` allows.
macro_rules! on_some_endpoint {
    ($self:ident, $attempts:expr, $again:pat, |$connection:ident| $call:expr) => {{
        let mut attempts: usize = $attempts;
        loop {
            let $connection = $self.connection().await?;
            let waiting = $self.unanswered.waiting(&$connection);
            let answer = $call.await;
            waiting.answered();
            let is_to_blame = $self.blames(&$connection, &answer);
            attempts = attempts.saturating_sub(1);
            match answer {
                Err($again) if is_to_blame && attempts > 0 => {}
                answer => return answer,
            }
        }
    }};
}

/// What may be asked again of every endpoint: reads, and what changes nothing by being done twice.
macro_rules! anywhere {
    ($self:ident, |$connection:ident| $call:expr) => {{
        let attempts = $self.connector.endpoints().len().saturating_add(1);
        on_some_endpoint!(
            $self,
            attempts,
            KvError::Timeout { .. } | KvError::Failed { .. } | KvError::Denied { .. },
            |$connection| $call
        )
    }};
}

/// What may have happened although no answer came.
macro_rules! once {
    ($self:ident, |$connection:ident| $call:expr) => {
        on_some_endpoint!($self, 2, KvError::Denied { .. }, |$connection| $call)
    };
}

#[async_trait]
impl KvReader for EtcdKv {
    async fn get(&self, key: &Key) -> Result<(Header, Option<KvEntry>), KvError> {
        anywhere!(self, |connection| connection.get(key))
    }

    /// As on each connection: etcd keeps no tombstones.
    async fn entry(&self, key: &Key) -> Result<(Header, Option<KvEntry>), KvError> {
        self.get(key).await
    }

    async fn keys(&self, prefix: &Key) -> Result<Vec<Key>, KvError> {
        anywhere!(self, |connection| connection.keys(prefix))
    }

    async fn scan(&self, prefix: &Key) -> Result<Listing, KvError> {
        anywhere!(self, |connection| connection.scan(prefix))
    }
}

#[async_trait]
impl KvWriter for EtcdKv {
    async fn delete(&self, key: &Key) -> Result<bool, KvError> {
        once!(self, |connection| connection.delete(key))
    }
}

#[async_trait]
impl KvPurge for EtcdKv {
    async fn purge(&self, key: &Key) -> Result<(), KvError> {
        once!(self, |connection| connection.purge(key))
    }
}

#[async_trait]
impl KvTransact for EtcdKv {
    async fn transact(&self, conditions: &[KvCondition], changes: &[KvChange]) -> Result<Revision, KvError> {
        once!(self, |connection| connection.transact(conditions, changes))
    }
}

/// All of it may be asked of every endpoint: a lease whose answer was lost has no keys and ends by itself, and renewing
/// or ending one twice is the same as once.
#[async_trait]
impl KvTtl for EtcdKv {
    async fn grant(&self, ttl: Duration) -> Result<Lease, KvError> {
        anywhere!(self, |connection| connection.grant(ttl))
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<Duration, KvError> {
        anywhere!(self, |connection| connection.keep_alive(lease))
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), KvError> {
        anywhere!(self, |connection| connection.revoke(lease))
    }
}

/// A watch runs on one connection; begun again after an error of that, it runs on the next. It is not begun a second
/// time from here, which would deliver a second time. That it is dropped says nothing about the connection: watches are.
#[async_trait]
impl KvWatcher for EtcdKv {
    async fn watch_prefixes(&self, prefixes: &[Key], tx: Sender<KvBatch>) -> Result<(), KvError> {
        self.watch_prefixes_from(prefixes, &WatchCursor::none(), tx).await
    }

    async fn watch_prefixes_from(
        &self,
        prefixes: &[Key],
        cursor: &WatchCursor,
        tx: Sender<KvBatch>,
    ) -> Result<(), KvError> {
        // Also while there is no connection yet.
        while_received(&tx, async {
            let connection = self.connection().await?;
            let ended = connection.watch_prefixes_from(prefixes, cursor, tx.clone()).await;
            self.blames(&connection, &ended);
            ended
        })
        .await
    }
}

#[async_trait]
impl KvSource for EtcdKv {
    async fn head(&self, scope: &Scope) -> Result<Header, KvError> {
        anywhere!(self, |connection| connection.head(scope))
    }

    async fn list(&self, scope: &Scope) -> Result<Listing, KvError> {
        anywhere!(self, |connection| connection.list(scope))
    }

    /// Begun on another endpoint if it cannot be begun on this one; once it stands it is not followed there.
    async fn watch(&self, scope: &Scope, from: Revision) -> Result<Box<dyn KvWatch>, KvError> {
        anywhere!(self, |connection| connection.watch(scope, from))
    }
}
