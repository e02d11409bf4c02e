//! Following keys: what is there, then every change.

use async_trait::async_trait;
use tokio::sync::mpsc::Sender;

use super::{Key, KvError, KvUpdate, WatchCursor};

/// What one or more whole transactions changed, and where to go on from.
///
/// A cursor is given for the batch and not for each update: from the middle of a transaction there is no going on
/// without losing the rest of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvBatch {
    /// The position behind this batch.
    pub cursor: WatchCursor,
    /// The changes by revision, and inside one transaction by key; those of a present state by key. Empty if the watch
    /// began with it and nothing was there, or if nothing has changed and only the cursor has moved on.
    pub updates: Vec<KvUpdate>,
}

/// Follows keys through a channel of the caller's.
///
/// * A watch begins with **one batch that is the whole present state**, at one revision, as puts; it may be empty. After
///   it come live changes. Between the two there is no gap and no repetition.
/// * A `_from` watch delivers **only what lies behind the cursor**. With [`WatchCursor::none`] it is a watch from the
///   present state.
/// * A batch never holds a part of a transaction, however many prefixes that touched, and each change comes once, however
///   many prefixes it lies under.
/// * While nothing changes under the prefixes and other keys do, an empty batch hands out a newer cursor, at most one in
///   10 s: so the cursor to keep is not one that is compacted away because its prefixes are quiet. etcd before 3.4.25 and
///   3.5.8 cannot tell, and gives none.
/// * The channel's bound is the backpressure: while it is full nothing is fetched. Who stays behind until the server
///   forgets what was not fetched gets [`KvError::CursorExpired`].
/// * The present state is what is there, without deletions: whoever holds something from before drops what is not in it.
///
/// Each call lasts as long as the watch. It returns `Ok` when the receiver is dropped, at once, and an error when the
/// watch has ended for any other reason. **It does not connect again**; go on from the last batch's cursor. What was in
/// the channel before an error stays good. A watch that says nothing is asked for its progress; if it does not answer for
/// 10 s it is given up. So it must run within a Tokio runtime that has its time driver enabled.
///
/// # Errors
///
/// * [`KvError::CursorExpired`] if what lies behind the cursor is compacted, at once or while falling behind, or if the
///   store is not the one that the cursor was made for: the cluster is another, or it is not as far as the cursor (it was
///   wiped, or restored from an older snapshot). One that was wiped, keeps its id, and has come past the cursor cannot be
///   told from the old one. Also if it is too far behind to put the transactions of several prefixes together. The remedy
///   is a watch without a cursor.
/// * [`KvError::NoPrefix`] if no prefix is named. The empty prefix is every key; no prefix is a mistake.
/// * [`KvError::Timeout`] if the watch has fallen silent.
/// * The backend's, such as a connection that broke.
#[async_trait]
pub trait KvWatcher: Send + Sync {
    /// Follows the keys that start with any of `prefixes`.
    async fn watch_prefixes(&self, prefixes: &[Key], tx: Sender<KvBatch>) -> Result<(), KvError>;

    /// Follows the keys that start with any of `prefixes`, from behind `cursor`.
    async fn watch_prefixes_from(
        &self,
        prefixes: &[Key],
        cursor: &WatchCursor,
        tx: Sender<KvBatch>,
    ) -> Result<(), KvError>;

    /// Follows every key.
    async fn watch_all(&self, tx: Sender<KvBatch>) -> Result<(), KvError> {
        self.watch_prefixes(&[Key::from("")], tx).await
    }

    /// Follows the keys that start with `prefix`.
    async fn watch_prefix(&self, prefix: &Key, tx: Sender<KvBatch>) -> Result<(), KvError> {
        self.watch_prefixes(std::slice::from_ref(prefix), tx).await
    }

    /// Follows every key, from behind `cursor`.
    async fn watch_all_from(&self, cursor: &WatchCursor, tx: Sender<KvBatch>) -> Result<(), KvError> {
        self.watch_prefixes_from(&[Key::from("")], cursor, tx).await
    }

    /// Follows the keys that start with `prefix`, from behind `cursor`.
    async fn watch_prefix_from(
        &self,
        prefix: &Key,
        cursor: &WatchCursor,
        tx: Sender<KvBatch>,
    ) -> Result<(), KvError> {
        self.watch_prefixes_from(std::slice::from_ref(prefix), cursor, tx).await
    }
}
