//! How a publisher is configured.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};

use super::keeper::Keeper;
use super::leased::Leased;
use super::parts::Sizes;
use super::writer::Writer;
use super::{EtcdEntry, PublishError, Publisher};
use crate::kv::etcd::DEFAULT_MAX_REQUEST_BYTES;
use crate::kv::{KvError, KvTtl};

/// Configures a publisher. Unless something else is set its keys stay, and replace what is there.
#[must_use = "a builder does nothing until it opens"]
pub struct PublisherBuilder {
    kv: Arc<dyn KvTtl>,
    lease_ttl: Option<Duration>,
    create_only: bool,
    max_request_bytes: usize,
}

impl PublisherBuilder {
    pub(super) fn new(kv: Arc<dyn KvTtl>) -> Self {
        Self { kv, lease_ttl: None, create_only: false, max_request_bytes: DEFAULT_MAX_REQUEST_BYTES }
    }

    /// Puts all keys under one lease that lives so long without being renewed, rounded up to whole seconds.
    ///
    /// It is renewed every third of that. A frozen server is noticed by the backend's request timeout (5 s unless set),
    /// so with less than three times that the lease may be lost to a single one, and its keys vanish until it is
    /// granted anew.
    pub fn lease_ttl(mut self, ttl: Duration) -> Self {
        self.lease_ttl = Some(ttl);
        self
    }

    /// Puts only keys that do not exist.
    pub fn create_only(mut self) -> Self {
        self.create_only = true;
        self
    }

    /// What the cluster's `--max-request-bytes` is, if it is not 1.5 MiB, as the backend was told: bursts are split by
    /// it.
    pub fn max_request_bytes(mut self, limit: usize) -> Self {
        self.max_request_bytes = limit;
        self
    }

    /// Opens the publisher: with a lease it is granted now, so an etcd that cannot be reached is noticed; without one
    /// nothing is sent.
    ///
    /// With a lease it must be called within a Tokio runtime that has its time driver enabled; the task that renews it
    /// runs there.
    ///
    /// # Errors
    ///
    /// Those of [`KvTtl::grant`].
    pub async fn open(self) -> Result<Publisher, KvError> {
        let writer = Arc::new(Writer::new(self.kv, self.create_only));
        let sizes = Sizes::new(self.max_request_bytes);
        let keeper = match self.lease_ttl {
            Some(ttl) => Some(Keeper::spawn(Leased::grant(Arc::clone(&writer), sizes, ttl).await?)),
            None => None,
        };
        Ok(Publisher { writer, sizes, keeper })
    }

    /// Opens the publisher, writes every burst of `bursts` in order, and closes it when that ends.
    ///
    /// # Errors
    ///
    /// The first that occurs: of [`open`](Self::open), of [`publish`](Publisher::publish), of
    /// [`close`](Publisher::close). Bursts that were not taken from the stream are left there. It is closed in any case.
    pub async fn publish_all(self, bursts: impl Stream<Item = Vec<EtcdEntry>>) -> Result<(), PublishError> {
        let publisher = self.open().await?;
        let mut bursts = std::pin::pin!(bursts);
        let mut published = Ok(None);
        while let (Ok(_), Some(burst)) = (&published, bursts.next().await) {
            published = publisher.publish(burst).await;
        }
        let closed = publisher.close().await;
        published?;
        Ok(closed?)
    }
}

impl fmt::Debug for PublisherBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("PublisherBuilder");
        f.field("lease_ttl", &self.lease_ttl).field("create_only", &self.create_only);
        f.finish_non_exhaustive()
    }
}
