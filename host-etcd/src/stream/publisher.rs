//! Writing: bursts of entries as transactions, on their own or under a lease that is kept.

mod builder;
mod entry;
mod keeper;
mod leased;
mod parts;
mod status;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;

use self::keeper::Keeper;
use self::leased::Leased;
use self::parts::Sizes;
use self::writer::Writer;
use crate::kv::{Key, KvChange, KvError, KvTtl, Revision};

pub use self::builder::PublisherBuilder;
pub use self::entry::{EtcdEntry, PublishError};
pub use self::status::PubStatus;

/// Writes every burst of `bursts` in order, and ends the lease when that ends.
///
/// With a `lease_ttl` the keys go with the publisher, without one they stay; see [`Publisher`], which this is a loop
/// over. The next burst is taken when the one before is written. Other publishers, such as create-only ones:
/// [`PublisherBuilder::publish_all`].
///
/// # Errors
///
/// The first that occurs: [`PublishError`] of a burst, of the lease's grant, or of its end. Bursts that were not taken
/// from the stream are left there. The lease is ended in any case, as far as etcd can be reached.
pub async fn etcd_pub(
    kv: Arc<dyn KvTtl>,
    bursts: impl Stream<Item = Vec<EtcdEntry>>,
    lease_ttl: Option<Duration>,
) -> Result<(), PublishError> {
    let builder = Publisher::builder(kv);
    lease_ttl.into_iter().fold(builder, PublisherBuilder::lease_ttl).publish_all(bursts).await
}

/// The same at the end of a chain of stream combinators: `entries.map(…).chunks(…).etcd_pub(kv, lease_ttl)`.
pub trait EtcdPubExt: Stream<Item = Vec<EtcdEntry>> + Sized + Send {
    /// Writes every burst of this stream, as [`etcd_pub`] does.
    fn etcd_pub(
        self,
        kv: Arc<dyn KvTtl>,
        lease_ttl: Option<Duration>,
    ) -> impl Future<Output = Result<(), PublishError>> + Send {
        etcd_pub(kv, self, lease_ttl)
    }
}

impl<S: Stream<Item = Vec<EtcdEntry>> + Send> EtcdPubExt for S {}

/// Writes bursts of entries.
///
/// **Whole.** A burst is one transaction where it fits: up to 128 keys and the size of a request. A larger one is
/// several, in its order. Where a burst names a key twice, the last value counts.
///
/// **Leased**, if [asked for](PublisherBuilder::lease_ttl). All keys are under one lease, which a task renews every
/// third of its lifetime and ends on [`close`](Self::close), so that the keys vanish at once. If the lease is lost all
/// the same — etcd was down for longer, somebody revoked it, the cluster was wiped — another is granted and everything
/// is put again under it. For that the publisher remembers its entries. A drop without `close` ends the lease as far as
/// the runtime still runs and etcd answers; otherwise the keys go by themselves, after the lease's lifetime or, over a
/// restart of etcd, some multiple of it. A key that somebody else deletes or overwrites while the lease lives is not put
/// again. A key that the server has come to refuse keeps no other away; the [status](Self::status) names it.
///
/// **Create-only**, if [asked for](PublisherBuilder::create_only). A key that exists is an error that names it, and is
/// left alone; so is everything in the same transaction. If a lease was lost and somebody else has taken the key
/// meanwhile it is theirs, and the [status](Self::status) says so.
///
/// **Retried, where that is safe.** A write without an answer may have happened. Putting a value twice is the same as
/// once, so a plain put is tried up to three times, on the next endpoint where the backend has several. A create-only
/// put is tried again only if it was not sent; if no answer came, a second one could not tell its own key from another's.
/// What the publisher cannot know either way is an error, and then stays with the publisher as if it had happened: it is
/// put again if the lease is lost. A server that was frozen may carry out an unanswered put late, after others of the
/// same key: what must never go back is written by compare-and-swap
/// ([`KvWriter::update`](crate::kv::KvWriter::update)).
pub struct Publisher {
    writer: Arc<Writer>,
    sizes: Sizes,
    keeper: Option<Keeper>,
}

impl Publisher {
    /// A publisher to this backend, such as an [`EtcdKv`](crate::kv::etcd::EtcdKv) or
    /// [`MemoryKv`](crate::kv::memory::MemoryKv).
    pub fn builder(kv: Arc<dyn KvTtl>) -> PublisherBuilder {
        PublisherBuilder::new(kv)
    }

    /// Writes a burst. Returns when it is written, with the revision of its last transaction; `None` for no entries.
    ///
    /// Dropping the future leaves open whether the transaction under way took place.
    ///
    /// # Errors
    ///
    /// [`PublishError`] with the first cause, and with every entry that is not known to be written:
    ///
    /// * [`KvError::AlreadyExists`] for the first key that does, if create-only.
    /// * [`KvError::TooLarge`] before anything is written, if one entry is too large on its own;
    ///   [`KvError::TooLargeForServer`] if the server takes less than the publisher was
    ///   [told](PublisherBuilder::max_request_bytes).
    /// * [`KvError::Timeout`] and [`KvError::Failed`]: the first transaction of the rest may have taken place.
    pub async fn publish(
        &self,
        burst: impl IntoIterator<Item = EtcdEntry>,
    ) -> Result<Option<Revision>, PublishError> {
        let mut rest = parts::last_of_each_key(burst);
        let lengths = match self.sizes.parts(&rest) {
            Ok(lengths) => lengths,
            Err(cause) => return Err(PublishError { cause, rest }),
        };
        let mut revision = None;
        for length in lengths {
            let later = rest.split_off(length.min(rest.len()));
            match self.write(&rest).await {
                Ok(at) => revision = Some(at),
                Err(cause) => {
                    rest.extend(later);
                    return Err(PublishError { cause, rest });
                }
            }
            rest = later;
        }
        Ok(revision)
    }

    /// Deletes keys, whoever put them, and no longer puts them again if the lease is lost. Up to 128 at a time are one
    /// transaction.
    ///
    /// # Errors
    ///
    /// The backend's. Keys before the failure are deleted; those of the transaction that failed may be.
    pub async fn withdraw(&self, keys: impl IntoIterator<Item = Key>) -> Result<(), KvError> {
        let changes: Vec<_> = parts::each_once(keys).into_iter().map(KvChange::Delete).collect();
        for part in self.sizes.parts_of_deletes(&changes) {
            match self.leased() {
                Some(leased) => leased.withdraw(part).await?,
                None => self.writer.change(part).await?,
            };
        }
        Ok(())
    }

    /// What the publisher knows about its lease.
    #[must_use]
    pub fn status(&self) -> PubStatus {
        self.leased().map(|leased| leased.status()).unwrap_or_default()
    }

    /// Ends the lease, and with it its keys, and the task that keeps it. Without a lease it does nothing.
    ///
    /// # Errors
    ///
    /// The backend's, if the lease could not be ended: then it ends by itself, and the keys stay until then.
    pub async fn close(mut self) -> Result<(), KvError> {
        match self.keeper.take() {
            Some(keeper) => keeper.close().await,
            None => Ok(()),
        }
    }

    async fn write(&self, part: &[EtcdEntry]) -> Result<Revision, KvError> {
        match self.leased() {
            Some(leased) => leased.put(part).await,
            None => self.writer.put(part, None).await,
        }
    }

    fn leased(&self) -> Option<&Leased> {
        self.keeper.as_ref().map(Keeper::leased)
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("status", &self.status()).finish_non_exhaustive()
    }
}
