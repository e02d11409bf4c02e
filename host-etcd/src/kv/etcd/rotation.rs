//! Single reads and writes against a cluster: endpoints in rotation, connections made anew where that helps.

mod calls;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Mutex as AsyncMutex;

use super::unanswered::Unanswered;
use super::{EtcdConnection, EtcdConnector, EtcdOptions};
use crate::kv::{Connect, KvError};

/// A cluster to read from and write to.
///
/// It holds one connection and moves on to the next endpoint when that fails, or when a call is dropped that it has not
/// answered for a while. Reads are tried on each endpoint. A write is sent once, since a write without an answer may have
/// happened; only a write that was refused for its token, such as one that expired, is sent again, over a connection that
/// authenticates anew. While no endpoint can be reached, all who wait share what comes of one round of them.
pub struct EtcdKv {
    connector: EtcdConnector,
    current: Mutex<Current>,
    /// Held by whoever goes round the endpoints.
    round: AsyncMutex<()>,
    unanswered: Unanswered,
}

#[derive(Default)]
struct Current {
    endpoint: usize,
    connection: Option<Arc<EtcdConnection>>,
    /// How many rounds have come to nothing, and what came of the last.
    failed_rounds: u64,
    failure: Option<KvError>,
}

impl EtcdKv {
    /// Connects to the first endpoint that answers, in the configured order.
    ///
    /// # Errors
    ///
    /// Those of [`EtcdConnector::new`]; [`KvError::Connect`] with every endpoint and its cause if none answers.
    pub async fn connect(options: &EtcdOptions) -> Result<Self, KvError> {
        let kv = Self::unconnected(options)?;
        kv.connection().await?;
        Ok(kv)
    }

    /// The same, connecting at the first call: for whoever should start while the cluster is down.
    ///
    /// # Errors
    ///
    /// Those of [`EtcdConnector::new`].
    pub fn unconnected(options: &EtcdOptions) -> Result<Self, KvError> {
        Ok(Self {
            connector: EtcdConnector::new(options)?,
            current: Mutex::default(),
            round: AsyncMutex::default(),
            unanswered: Unanswered::default(),
        })
    }

    /// The open connection, or a new one to the first endpoint that answers, the one after the last first.
    ///
    /// Whoever comes while another goes round the endpoints waits for that round and shares what comes of it. To go round
    /// once more for each of them would keep the last of a hundred waiting for a hundred rounds.
    async fn connection(&self) -> Result<Arc<EtcdConnection>, KvError> {
        let failed_before = match self.open() {
            (Some(connection), _) => return Ok(connection),
            (None, failed_rounds) => failed_rounds,
        };
        let _round = self.round.lock().await;
        match self.open() {
            (Some(connection), _) => return Ok(connection),
            (None, failed_rounds) if failed_rounds != failed_before => {
                if let Some(failure) = self.lock().failure.clone() {
                    return Err(failure);
                }
            }
            (None, _) => {}
        }
        self.go_round().await
    }

    /// The open connection unless it is suspect, and how many rounds have failed so far.
    fn open(&self) -> (Option<Arc<EtcdConnection>>, u64) {
        let mut current = self.lock();
        if current.connection.take_if(|open| self.unanswered.is_suspect(open)).is_some() {
            current.endpoint = current.endpoint.wrapping_add(1);
        }
        (current.connection.clone(), current.failed_rounds)
    }

    async fn go_round(&self) -> Result<Arc<EtcdConnection>, KvError> {
        let mut errors = Vec::new();
        for _ in self.connector.endpoints() {
            // Should this be dropped while it waits, the next call tries the next endpoint.
            let endpoint = self.next_endpoint();
            match self.connector.open(endpoint).await {
                Ok(connection) => {
                    let (connection, mut current) = (Arc::new(connection), self.lock());
                    current.endpoint = endpoint;
                    current.connection = Some(Arc::clone(&connection));
                    return Ok(connection);
                }
                Err(error) => errors.push(error),
            }
        }
        let (failure, mut current) = (self.all_failed(errors), self.lock());
        current.failed_rounds = current.failed_rounds.wrapping_add(1);
        current.failure = Some(failure.clone());
        Err(failure)
    }

    fn next_endpoint(&self) -> usize {
        let mut current = self.lock();
        let endpoint = current.endpoint;
        current.endpoint = endpoint.wrapping_add(1);
        endpoint
    }

    /// Whether the connection is to blame for an answer, and another may fare better. It is given up then, unless another
    /// task has already.
    fn blames<T>(&self, connection: &Arc<EtcdConnection>, answer: &Result<T, KvError>) -> bool {
        let is_to_blame = answer.as_ref().is_err_and(|error| is_of_the_connection(connection, error));
        let mut current = self.lock();
        if is_to_blame && current.connection.take_if(|open| Arc::ptr_eq(open, connection)).is_some() {
            current.endpoint = current.endpoint.wrapping_add(1);
        }
        is_to_blame
    }

    /// Every change leaves it whole, so a panic of another holder leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
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
fn is_of_the_connection(connection: &EtcdConnection, error: &KvError) -> bool {
    match error {
        KvError::Connect { .. } | KvError::Timeout { .. } | KvError::Failed { .. } => true,
        // What one member does not permit, none does; another token is another matter.
        KvError::Denied { .. } => connection.is_token_spent(),
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
        | KvError::TooLarge { .. }
        | KvError::TooLargeForServer { .. } => false,
    }
}
