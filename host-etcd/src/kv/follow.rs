//! How every backend follows prefixes: list at a revision or trust the cursor, watch from behind it, hand over.

use async_trait::async_trait;
use tokio::sync::mpsc::Sender;

use super::cursor::Position;
use super::error::CursorLoss;
use super::prefixes::Prefixes;
use super::{
    Header, Key, KvBatch, KvError, KvSource, KvUpdate, KvWatch, Listing, Revision, Scope, WatchCursor,
    WatchMessage,
};

/// What a backend brings.
#[async_trait]
pub(in crate::kv) trait Follow: KvSource {
    /// Everything under the prefixes at one revision, in key order.
    async fn list_prefixes(&self, prefixes: &Prefixes) -> Result<Listing, KvError>;

    /// One watch over the prefixes from `from` on, that revision included, whose messages hold whole transactions.
    async fn open(&self, prefixes: &Prefixes, from: Revision) -> Result<Box<dyn KvWatch>, KvError>;
}

/// Follows until the receiver is dropped or the watch ends.
pub(in crate::kv) async fn follow(
    source: &impl Follow,
    prefixes: &[Key],
    cursor: &WatchCursor,
    tx: &Sender<KvBatch>,
) -> Result<(), KvError> {
    let prefixes = Prefixes::new(prefixes)?;
    tokio::select! {
        biased;
        () = tx.closed() => Ok(()),
        ended = run(source, &prefixes, cursor, tx) => ended,
    }
}

async fn run(
    source: &impl Follow,
    prefixes: &Prefixes,
    cursor: &WatchCursor,
    tx: &Sender<KvBatch>,
) -> Result<(), KvError> {
    let start = match cursor.position() {
        Some(position) => resume(source, prefixes, position).await?,
        None => synchronize(source, prefixes, tx).await?,
    };
    let mut watch = source.open(prefixes, start.revision.next()).await?;
    loop {
        match watch.next().await? {
            Some(WatchMessage::Created(header)) => check_incarnation(start, header)?,
            Some(WatchMessage::Events(header, updates)) => send(tx, header, in_order(updates)).await,
            Some(WatchMessage::Progress(_)) => {}
            Some(WatchMessage::Canceled { compacted, reason, .. }) => {
                return Err(canceled(compacted, &reason));
            }
            None => return Err(ended("the stream has ended")),
        }
    }
}

/// Nothing is delivered: only that the cursor is one of this store's is made sure of. A watch from beyond the store's
/// revision would be silent for ever.
async fn resume(source: &impl Follow, prefixes: &Prefixes, position: Position) -> Result<Position, KvError> {
    if let Some(prefix) = prefixes.as_slice().first() {
        check_incarnation(position, source.head(&Scope::Prefix(prefix.clone())).await?)?;
    }
    Ok(position)
}

async fn synchronize(
    source: &impl Follow,
    prefixes: &Prefixes,
    tx: &Sender<KvBatch>,
) -> Result<Position, KvError> {
    let Listing { header, entries } = source.list_prefixes(prefixes).await?;
    send(tx, header, entries.into_iter().map(KvUpdate::Put).collect()).await;
    Ok(Position { cluster_id: header.cluster_id, revision: header.revision })
}

/// A receiver that is gone ends the whole, above.
async fn send(tx: &Sender<KvBatch>, header: Header, updates: Vec<KvUpdate>) {
    let _ = tx.send(KvBatch { cursor: header.into(), updates }).await;
}

/// Inside a transaction each key is changed once, so the order there means nothing; this one is the same everywhere.
fn in_order(mut updates: Vec<KvUpdate>) -> Vec<KvUpdate> {
    updates.sort_by(|a, b| (a.mod_revision(), a.key()).cmp(&(b.mod_revision(), b.key())));
    updates
}

fn check_incarnation(position: Position, header: Header) -> Result<(), KvError> {
    let cause = match header {
        Header { cluster_id, .. } if cluster_id != position.cluster_id => CursorLoss::OtherCluster,
        Header { revision, .. } if revision < position.revision => CursorLoss::Restored { revision },
        _ => return Ok(()),
    };
    Err(KvError::CursorExpired { cause })
}

fn canceled(compacted: Option<Revision>, reason: &str) -> KvError {
    match compacted {
        Some(oldest) => KvError::CursorExpired { cause: CursorLoss::Compacted { oldest } },
        None if reason.is_empty() => ended("the server has cancelled it and does not say why"),
        None => ended(reason),
    }
}

fn ended(cause: &str) -> KvError {
    KvError::Failed { operation: "watch", cause: cause.to_owned() }
}
