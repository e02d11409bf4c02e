//! Changes: every one of them a transaction, so that they all fail alike.

use async_trait::async_trait;
use etcd_client::{Compare, CompareOp, GetOptions, PutOptions, Txn, TxnOp, TxnOpResponse};

use super::connection::{EtcdConnection, from_etcd, header, to_etcd};
use crate::kv::{Key, KvChange, KvCondition, KvError, KvPurge, KvTransact, KvWriter, Revision, request};

#[async_trait]
impl KvTransact for EtcdConnection {
    async fn transact(&self, conditions: &[KvCondition], changes: &[KvChange]) -> Result<Revision, KvError> {
        let expected = request::check(conditions, changes, self.limits.max_request_bytes)?;
        let txn = Txn::new()
            .when(expected.iter().map(compare).collect::<Vec<_>>())
            .and_then(changes.iter().map(operation).collect::<Vec<_>>())
            .or_else(expected.iter().map(ask).collect::<Vec<_>>());
        let mut kv = self.kv.clone();
        let answer = self.call("transact", kv.txn(txn)).await?;
        match answer.succeeded() {
            true => Ok(header(answer.header()).revision),
            false => Err(conflict(&expected, &answer.op_responses())),
        }
    }
}

#[async_trait]
impl KvWriter for EtcdConnection {
    async fn delete(&self, key: &Key) -> Result<bool, KvError> {
        request::check_key(key)?;
        let mut kv = self.kv.clone();
        let answer = self.call("delete", kv.delete(key.as_bytes(), None)).await?;
        Ok(answer.deleted() > 0)
    }
}

/// A delete: the bytes go with the cluster's next compaction.
#[async_trait]
impl KvPurge for EtcdConnection {
    async fn purge(&self, key: &Key) -> Result<(), KvError> {
        self.delete(key).await.map(drop).map_err(|error| error.during("purge"))
    }
}

/// A key that does not exist has the revision zero.
fn compare(&(key, expected): &(&Key, Revision)) -> Compare {
    Compare::mod_revision(key.as_bytes(), CompareOp::Equal, to_etcd(expected))
}

fn ask(&(key, _): &(&Key, Revision)) -> TxnOp {
    TxnOp::get(key.as_bytes(), Some(GetOptions::new().with_keys_only()))
}

fn operation(change: &KvChange) -> TxnOp {
    match change {
        KvChange::Put { key, value, lease } => {
            let options = lease.map(|lease| PutOptions::new().with_lease(lease.0));
            TxnOp::put(key.as_bytes(), value.as_slice(), options)
        }
        KvChange::Delete(key) => TxnOp::delete(key.as_bytes(), None),
    }
}

/// The first key that is not as expected, as it was in the moment of the transaction.
fn conflict(expected: &[(&Key, Revision)], found: &[TxnOpResponse]) -> KvError {
    let actual = found.iter().map(read_revision);
    let differs = expected.iter().zip(actual).find(|((_, expected), actual)| expected != actual);
    match differs {
        Some((&(key, expected), actual)) => KvError::Conflict { key: key.clone(), expected, actual },
        None => KvError::Failed {
            operation: "transact",
            cause: "the server refuses it and does not show why".to_owned(),
        },
    }
}

fn read_revision(answer: &TxnOpResponse) -> Revision {
    match answer {
        TxnOpResponse::Get(found) => {
            found.kvs().first().map_or(Revision::ZERO, |kv| from_etcd(kv.mod_revision()))
        }
        _ => Revision::ZERO,
    }
}
