//! Single reads and writes against a cluster: endpoints in rotation, connections made anew where that helps.

mod calls;

use std::sync::Arc;

use tokio::sync::Mutex;

use super::unanswered::Unanswered;
use super::{EtcdConnection, EtcdConnector, EtcdOptions};
use crate::kv::{Connect, KvError};

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

    /// Hands an answer on, and gives up the connection that is to blame for it.
    async fn judge<T>(
        &self,
        connection: &Arc<EtcdConnection>,
        answer: Result<T, KvError>,
    ) -> Result<T, KvError> {
        if answer.as_ref().is_err_and(is_of_the_connection) {
            self.abandon(connection).await;
        }
        answer
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
