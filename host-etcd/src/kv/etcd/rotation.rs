//! Single reads and writes against a cluster: endpoints in rotation, connections made anew where that helps.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio::sync::mpsc::Sender;

use super::unanswered::Unanswered;
use super::{EtcdConnection, EtcdConnector, EtcdOptions};
use crate::kv::{
    Connect, Header, Key, KvBatch, KvChange, KvCondition, KvEntry, KvError, KvPurge, KvReader, KvSource,
    KvTransact, KvTtl, KvWatch, KvWatcher, KvWriter, Lease, LeaseId, Listing, Revision, Scope, WatchCursor,
};

/// A cluster to read from and write to.
///
/// It holds one connection and moves on to the next endpoint when that fails, or when a call is dropped that it has not
/// answered for a while. Reads are tried on each endpoint. A
/// write is sent once, since a write without an answer may have happened; only a write that was refused for its
/// credentials — a token that expired — is sent again, over a connection that authenticates anew.
pub struct EtcdKv {
    connector: EtcdConnector,
    current: Mutex<Current>,
    unanswered: Unanswered,
}

struct Current {
    endpoint: usize,
    connection: Option<Arc<EtcdConnection>>,
}

impl EtcdKv {
    /// Connects to the first endpoint that answers, in the configured order.
    ///
    /// # Errors
    ///
    /// Those of [`EtcdConnector::new`]; [`KvError::Connect`] with every endpoint and its cause if none answers.
    pub async fn connect(options: &EtcdOptions) -> Result<Self, KvError> {
        let connector = EtcdConnector::new(options)?;
        let current = Mutex::new(Current { endpoint: 0, connection: None });
        let kv = Self { connector, current, unanswered: Unanswered::default() };
        kv.connection().await?;
        Ok(kv)
    }

    /// The open connection, or a new one to the first endpoint that answers, the one after the last first.
    async fn connection(&self) -> Result<Arc<EtcdConnection>, KvError> {
        let mut current = self.current.lock().await;
        if let Some(connection) = current.connection.take_if(|open| self.unanswered.is_suspect(open)) {
            drop(connection);
            current.endpoint = current.endpoint.wrapping_add(1);
        }
        if let Some(connection) = &current.connection {
            return Ok(Arc::clone(connection));
        }
        let mut errors = Vec::new();
        for _ in self.connector.endpoints() {
            let endpoint = current.endpoint;
            // Should this be dropped while it waits, the next call tries the next endpoint.
            current.endpoint = endpoint.wrapping_add(1);
            match self.connector.open(endpoint).await {
                Ok(connection) => {
                    let connection = Arc::new(connection);
                    *current = Current { endpoint, connection: Some(Arc::clone(&connection)) };
                    return Ok(connection);
                }
                Err(error) => errors.push(error),
            }
        }
        Err(self.all_failed(errors))
    }

    /// Gives up the connection, unless another task has already.
    async fn abandon(&self, failed: &Arc<EtcdConnection>) {
        let mut current = self.current.lock().await;
        if current.connection.as_ref().is_some_and(|connection| Arc::ptr_eq(connection, failed)) {
            *current = Current { endpoint: current.endpoint.wrapping_add(1), connection: None };
        }
    }

    fn all_failed(&self, mut errors: Vec<KvError>) -> KvError {
        match (errors.pop(), errors.is_empty()) {
            (Some(only), true) => only,
            (Some(last), false) => {
                errors.push(last);
                let causes: Vec<_> = errors.iter().map(ToString::to_string).collect();
                KvError::Connect { endpoint: "any endpoint".to_owned(), cause: causes.join("; ") }
            }
            (None, _) => KvError::Connect {
                endpoint: self.connector.endpoints().join(", "),
                cause: "none is given".into(),
            },
        }
    }
}

/// Runs a call, on a new connection as often as `$again` allows.
macro_rules! on_some_endpoint {
    ($self:ident, $attempts:expr, $again:pat, |$connection:ident| $call:expr) => {{
        let mut attempts: usize = $attempts;
        loop {
            let $connection = $self.connection().await?;
            let waiting = $self.unanswered.waiting(&$connection);
            let answer = $call.await;
            waiting.answered();
            if let Err(error) = &answer
                && is_of_the_connection(error)
            {
                $self.abandon(&$connection).await;
            }
            attempts = attempts.saturating_sub(1);
            match answer {
                Err($again) if attempts > 0 => {}
                answer => return answer,
            }
        }
    }};
}

/// Whether another connection may fare better.
fn is_of_the_connection(error: &KvError) -> bool {
    match error {
        KvError::Connect { .. }
        | KvError::Timeout { .. }
        | KvError::Denied { .. }
        | KvError::Failed { .. } => true,
        KvError::Conflict { .. }
        | KvError::AlreadyExists { .. }
        | KvError::ForeignToken { .. }
        | KvError::DuplicateKey { .. }
        | KvError::EmptyKey
        | KvError::TooManyOperations { .. }
        | KvError::LeaseExpired
        | KvError::TtlTooLong { .. }
        | KvError::CursorExpired { .. }
        | KvError::NoPrefix
        | KvError::Compacted { .. }
        | KvError::TooLarge { .. } => false,
    }
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

/// A watch runs on one connection, on the next one if it is begun again after an error of that. Begun a second time
/// from here, it would deliver a second time.
#[async_trait]
impl KvWatcher for EtcdKv {
    async fn watch_prefixes(&self, prefixes: &[Key], tx: Sender<KvBatch>) -> Result<(), KvError> {
        on_some_endpoint!(self, 0, KvError::Denied { .. }, |connection| connection
            .watch_prefixes(prefixes, tx.clone()))
    }

    async fn watch_prefixes_from(
        &self,
        prefixes: &[Key],
        cursor: &WatchCursor,
        tx: Sender<KvBatch>,
    ) -> Result<(), KvError> {
        on_some_endpoint!(self, 0, KvError::Denied { .. }, |connection| connection.watch_prefixes_from(
            prefixes,
            cursor,
            tx.clone()
        ))
    }
}

#[async_trait]
impl KvSource for EtcdKv {
    async fn list(&self, scope: &Scope) -> Result<Listing, KvError> {
        anywhere!(self, |connection| connection.list(scope))
    }

    async fn watch(&self, scope: &Scope, from: Revision) -> Result<Box<dyn KvWatch>, KvError> {
        self.connection().await?.watch(scope, from).await
    }
}
