//! How every backend follows prefixes: list at a revision or trust the cursor, watch from behind it, hand over.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, timeout};

use super::cursor::Position;
use super::error::CursorLoss;
use super::prefixes::Prefixes;
use super::{
    Header, Key, KvBatch, KvError, KvSource, KvUpdate, KvWatch, Listing, Revision, Scope, WatchCursor,
    WatchMessage,
};

/// How long a watch may say nothing until it is asked for its progress.
const ASK_AFTER: Duration = Duration::from_millis(2500);

/// How often it is asked in vain until it is taken for dead, each time for as long: after 10 s. Counted, so that a process
/// that was paused does not take its own absence for the server's.
const ASKS: u32 = 3;

/// How often at most a cursor is handed out although nothing has changed. Compactions are minutes apart.
const CURSOR_EVERY: Duration = Duration::from_secs(10);

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
    while_received(tx, run(source, &prefixes, cursor, tx)).await
}

/// Goes on until the receiver is dropped, which is a good end, or until it ends by itself.
pub(in crate::kv) async fn while_received(
    tx: &Sender<KvBatch>,
    watch: impl Future<Output = Result<(), KvError>>,
) -> Result<(), KvError> {
    tokio::select! {
        biased;
        () = tx.closed() => Ok(()),
        ended = watch => ended,
    }
}

async fn run(
    source: &impl Follow,
    prefixes: &Prefixes,
    cursor: &WatchCursor,
    tx: &Sender<KvBatch>,
) -> Result<(), KvError> {
    let mut outlet = Outlet { tx, told: Revision::ZERO, told_at: Instant::now() };
    let start = match cursor.position() {
        Some(position) => resume(source, prefixes, position).await?,
        None => synchronize(source, prefixes, &mut outlet).await?,
    };
    outlet.told = start.revision;
    let mut watch = source.open(prefixes, start.revision.next()).await?;
    loop {
        match next(&mut *watch).await? {
            Some(WatchMessage::Created(header)) => check_incarnation(start, header)?,
            Some(WatchMessage::Events(header, updates)) => outlet.send(header, in_order(updates)).await,
            Some(WatchMessage::Progress(header)) => outlet.confirm(header),
            Some(WatchMessage::Canceled { compacted, reason, .. }) => {
                return Err(canceled(compacted, &reason));
            }
            None => return Err(ended("the stream has ended")),
        }
    }
}

/// The next message. A stream may fall silent for ever while its connection answers pings; so a watch that says nothing is
/// asked for its progress, and has to answer.
async fn next(watch: &mut dyn KvWatch) -> Result<Option<WatchMessage>, KvError> {
    for _ in 0..ASKS {
        match timeout(ASK_AFTER, watch.next()).await {
            Ok(message) => return message,
            Err(_) => watch.request_progress().await?,
        }
    }
    let silent = |_| KvError::Timeout { operation: "watch", limit_ms: 10_000 };
    timeout(ASK_AFTER, watch.next()).await.map_err(silent)?
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
    outlet: &mut Outlet<'_>,
) -> Result<Position, KvError> {
    let Listing { header, entries } = source.list_prefixes(prefixes).await?;
    outlet.send(header, entries.into_iter().map(KvUpdate::Put).collect()).await;
    Ok(Position { cluster_id: header.cluster_id, revision: header.revision })
}

/// Where batches go, and what the receiver has last been told.
struct Outlet<'a> {
    tx: &'a Sender<KvBatch>,
    told: Revision,
    told_at: Instant,
}

impl Outlet<'_> {
    /// A receiver that is gone ends the whole, above.
    async fn send(&mut self, header: Header, updates: Vec<KvUpdate>) {
        let _ = self.tx.send(KvBatch { cursor: header.into(), updates }).await;
        (self.told, self.told_at) = (header.revision, Instant::now());
    }

    /// Everything up to here has been delivered. Now and then the cursor tells so, or that of a quiet prefix would be
    /// compacted away although nothing was missed. A receiver that has not taken the last batch yet needs none.
    fn confirm(&mut self, header: Header) {
        let is_due = header.revision > self.told && self.told_at.elapsed() >= CURSOR_EVERY;
        let batch = || KvBatch { cursor: header.into(), updates: Vec::new() };
        if is_due && self.tx.try_send(batch()).is_ok() {
            (self.told, self.told_at) = (header.revision, Instant::now());
        }
    }
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
