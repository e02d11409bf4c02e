//! Changing single keys.

use async_trait::async_trait;

use super::{Key, KvChange, KvCondition, KvError, KvTransact, Revision, VersionToken};

/// Changes single keys. All but [`delete`](Self::delete) are transactions of one change, and fail as
/// [`transact`](KvTransact::transact) does: unsent if the request cannot be served, and possibly done if no answer came.
#[async_trait]
pub trait KvWriter: KvTransact {
    /// Deletes `key`; whether it existed.
    ///
    /// # Errors
    ///
    /// [`KvError::EmptyKey`], unsent; the backend's.
    async fn delete(&self, key: &Key) -> Result<bool, KvError>;

    /// Puts `value` whatever is there; the new version.
    ///
    /// # Errors
    ///
    /// [`KvError::TooLarge`], [`KvError::EmptyKey`], unsent; the backend's.
    async fn put(&self, key: &Key, value: &[u8]) -> Result<VersionToken, KvError> {
        let put = self.transact(&[], &[KvChange::put(key.clone(), value)]).await;
        put.map(VersionToken::from).map_err(|error| error.during("put"))
    }

    /// Puts `value` if there is no such key; its first version.
    ///
    /// # Errors
    ///
    /// [`KvError::AlreadyExists`]; those of [`put`](Self::put).
    async fn create(&self, key: &Key, value: &[u8]) -> Result<VersionToken, KvError> {
        let absent = KvCondition::absent(key.clone());
        match self.transact(&[absent], &[KvChange::put(key.clone(), value)]).await {
            Ok(revision) => Ok(revision.into()),
            Err(KvError::Conflict { key, actual, .. }) => {
                Err(KvError::AlreadyExists { key, revision: actual })
            }
            Err(error) => Err(error.during("create")),
        }
    }

    /// Puts `value` if the key is at version `expected`; the new version.
    ///
    /// # Errors
    ///
    /// [`KvError::Conflict`] if it is at another or does not exist; [`KvError::ForeignToken`], unsent; those of
    /// [`put`](Self::put).
    async fn update(
        &self,
        key: &Key,
        value: &[u8],
        expected: &VersionToken,
    ) -> Result<VersionToken, KvError> {
        let condition = KvCondition::at(key.clone(), *expected);
        let update = self.transact(&[condition], &[KvChange::put(key.clone(), value)]).await;
        update.map(VersionToken::from).map_err(|error| error.during("update"))
    }

    /// Deletes `key` if it is at version `expected`; whether it existed, which it did unless `expected` is the version of
    /// no key.
    ///
    /// # Errors
    ///
    /// [`KvError::Conflict`] if it is at another or does not exist; [`KvError::ForeignToken`], [`KvError::EmptyKey`],
    /// unsent; the backend's.
    async fn delete_with_version(&self, key: &Key, expected: &VersionToken) -> Result<bool, KvError> {
        let condition = KvCondition::at(key.clone(), *expected);
        let delete = self.transact(&[condition], &[KvChange::delete(key.clone())]).await;
        delete.map(|_| *expected != Revision::ZERO.into()).map_err(|error| error.during("delete"))
    }
}

/// Reclaims what a key takes.
#[async_trait]
pub trait KvPurge: KvWriter {
    /// Takes `key` away for good. A key that does not exist is no error.
    ///
    /// On etcd and in memory that is a delete. Earlier values stay readable in the history, and their bytes go with the
    /// next compaction. To compact is the operator's part, not this method's: it takes the history of *every* key, and
    /// every watch of anybody that has not come so far is cancelled.
    ///
    /// # Errors
    ///
    /// Those of [`delete`](KvWriter::delete).
    async fn purge(&self, key: &Key) -> Result<(), KvError>;
}
