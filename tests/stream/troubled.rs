//! A backend for writers that misbehaves as it is told, and counts.

use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{Key, KvChange, KvCondition, KvError, KvTransact, KvTtl, Lease, LeaseId, Revision};
use async_trait::async_trait;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It is not sent.
    Unsent,
    /// It is lost on its way.
    RequestLost,
    /// It is done, and the answer is lost.
    AnswerLost,
    /// It is done, and the answer never comes.
    Silent,
    Panic,
}

/// The backend.
pub(crate) struct Troubled {
    pub(crate) kv: MemoryKv,
    transactions: Calls,
    leases: Calls,
    refused: Mutex<BTreeMap<Key, KvError>>,
}

/// Calls of one kind: how many there were, and what becomes of the next ones.
#[derive(Default)]
struct Calls {
    count: AtomicUsize,
    troubles: Mutex<VecDeque<Option<Trouble>>>,
}

impl Calls {
    async fn call<T>(&self, call: impl Future<Output = Result<T, KvError>>) -> Result<T, KvError> {
        self.count.fetch_add(1, Ordering::Relaxed);
        let trouble = self.troubles.lock().expect("unbroken").pop_front().flatten();
        let lost = KvError::Timeout { operation: "call", limit_ms: 1 };
        match trouble {
            None => call.await,
            Some(Trouble::Unsent) => {
                Err(KvError::Connect { endpoint: "memory".into(), cause: "down".into() })
            }
            Some(Trouble::RequestLost) => Err(lost),
            Some(Trouble::AnswerLost) => call.await.and(Err(lost)),
            Some(Trouble::Silent) => {
                let _done = call.await;
                pending().await
            }
            Some(Trouble::Panic) => panic!("as it was asked for"),
        }
    }
}

impl Troubled {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            kv: MemoryKv::new(),
            transactions: Calls::default(),
            leases: Calls::default(),
            refused: Mutex::default(),
        })
    }

    /// Which transactions are refused from now on: those that change one of these keys.
    pub(crate) fn refuse(&self, keys: impl IntoIterator<Item = (Key, KvError)>) {
        *self.refused.lock().expect("unbroken") = keys.into_iter().collect();
    }

    fn refusal(&self, changes: &[KvChange]) -> Option<KvError> {
        let refused = self.refused.lock().expect("unbroken");
        changes.iter().find_map(|change| refused.get(change.key()).cloned())
    }

    /// What becomes of the next transactions.
    pub(crate) fn trouble_transactions(&self, troubles: impl IntoIterator<Item = Option<Trouble>>) {
        *self.transactions.troubles.lock().expect("unbroken") = troubles.into_iter().collect();
    }

    /// What becomes of the next grants, renewals and ends of leases.
    pub(crate) fn trouble_leases(&self, troubles: impl IntoIterator<Item = Option<Trouble>>) {
        *self.leases.troubles.lock().expect("unbroken") = troubles.into_iter().collect();
    }

    pub(crate) fn transactions(&self) -> usize {
        self.transactions.count.load(Ordering::Relaxed)
    }

    pub(crate) fn lease_calls(&self) -> usize {
        self.leases.count.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl KvTransact for Troubled {
    async fn transact(&self, conditions: &[KvCondition], changes: &[KvChange]) -> Result<Revision, KvError> {
        let answer = async {
            match self.refusal(changes) {
                Some(refusal) => Err(refusal),
                None => self.kv.transact(conditions, changes).await,
            }
        };
        self.transactions.call(answer).await
    }
}

#[async_trait]
impl KvTtl for Troubled {
    async fn grant(&self, ttl: Duration) -> Result<Lease, KvError> {
        self.leases.call(self.kv.grant(ttl)).await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<Duration, KvError> {
        self.leases.call(self.kv.keep_alive(lease)).await
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), KvError> {
        self.leases.call(self.kv.revoke(lease)).await
    }
}
