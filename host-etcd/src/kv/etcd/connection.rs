//! One connection to one member: lists, watches, reads and writes, each with a deadline.

use std::fmt;
use std::future::Future;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use etcd_client::{
    Client, Error, GetOptions, GetResponse, KeyValue, KvClient, LeaseClient, ResponseHeader, WatchClient,
};

use super::error::{Failure, timeout};
use super::pace::Pace;
use super::pages::{self, Fetch};
use super::watch;
use crate::kv::{Header, Key, KvEntry, KvError, KvReader, KvSource, KvWatch, Listing, Revision, Scope};

/// Bytes of one answer that are accepted. Pages aim at 4 MiB and etcd sends fragments of 1.5 MiB; the rest is room
/// for clusters that take larger values, and a bound on what one answer can cost.
const MAX_ANSWER_BYTES: usize = 256 << 20;

/// Bounds of every call on a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) request_timeout: Duration,
    pub(super) max_request_bytes: usize,
}

/// A connection to one member of a cluster. Made by [`EtcdConnector::open`](super::EtcdConnector::open).
#[derive(Clone)]
pub struct EtcdConnection {
    endpoint: String,
    pub(super) kv: KvClient,
    pub(super) lease: LeaseClient,
    pub(super) watch: WatchClient,
    pub(super) limits: Limits,
    pub(super) pace: Pace,
    pub(super) progress_is_ordered: bool,
    is_token_spent: Arc<AtomicBool>,
}

impl EtcdConnection {
    pub(super) fn new(
        endpoint: &str,
        client: &Client,
        limits: Limits,
        pace: Pace,
        progress_is_ordered: bool,
    ) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            kv: client.kv_client().max_decoding_message_size(MAX_ANSWER_BYTES),
            lease: client.lease_client(),
            watch: client.watch_client().max_decoding_message_size(MAX_ANSWER_BYTES),
            limits,
            pace,
            progress_is_ordered,
            is_token_spent: Arc::default(),
        }
    }

    /// The endpoint as it was configured.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Reads one range.
    pub(super) async fn range(&self, from: &Key, options: GetOptions) -> Result<GetResponse, RangeError> {
        let mut kv = self.kv.clone();
        let call = kv.get(from.as_bytes(), Some(options));
        match tokio::time::timeout(self.limits.request_timeout, call).await {
            Ok(answer) => answer.map_err(|error| RangeError::Failed(Failure::of(&error))),
            Err(_) => Err(RangeError::Timeout),
        }
    }

    pub(super) fn range_error(&self, error: RangeError, operation: &'static str) -> KvError {
        match error {
            RangeError::Timeout => timeout(operation, self.limits.request_timeout),
            RangeError::Failed(failure) => self.error(operation, failure),
        }
    }

    /// The error to hand on.
    pub(super) fn error(&self, operation: &'static str, failure: Failure) -> KvError {
        if matches!(failure, Failure::BadToken(_)) {
            // Orders nothing: who sees it late is denied once more.
            self.is_token_spent.store(true, Ordering::Relaxed);
        }
        failure.into_error(operation, &self.endpoint)
    }

    /// Whether the server does not take this connection's token any more: another connection gets another.
    pub(super) fn is_token_spent(&self) -> bool {
        self.is_token_spent.load(Ordering::Relaxed)
    }

    /// A call under the deadline.
    pub(super) async fn call<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, KvError> {
        match tokio::time::timeout(self.limits.request_timeout, call).await {
            Ok(answer) => answer.map_err(|error| self.error(operation, Failure::of(&error))),
            Err(_) => Err(timeout(operation, self.limits.request_timeout)),
        }
    }
}

impl fmt::Debug for EtcdConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdConnection").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// Why a range could not be read.
pub(super) enum RangeError {
    Timeout,
    Failed(Failure),
}

#[async_trait]
impl KvSource for EtcdConnection {
    async fn head(&self, scope: &Scope) -> Result<Header, KvError> {
        let (from, options) = pages::range(scope);
        let answer = self.range(&from, options.with_count_only()).await;
        Ok(header(answer.map_err(|error| self.range_error(error, "head"))?.header()))
    }

    async fn list(&self, scope: &Scope) -> Result<Listing, KvError> {
        match scope {
            Scope::Key(key) => {
                let (header, entry) = self.get(key).await.map_err(|error| error.during("list"))?;
                Ok(Listing { header, entries: entry.into_iter().collect() })
            }
            Scope::Prefix(prefix) => pages::list(self, slice::from_ref(prefix), Fetch::Entries, "list").await,
        }
    }

    async fn watch(&self, scope: &Scope, from: Revision) -> Result<Box<dyn KvWatch>, KvError> {
        let mut client = self.watch.clone();
        let (key, options) = watch::options(scope, from);
        let stream = self.call("watch", client.watch(key, Some(options))).await?;
        let (ordered, endpoint) = (self.progress_is_ordered, self.endpoint.clone());
        Ok(Box::new(watch::EtcdWatch::new(stream, from, ordered, endpoint, self.limits.request_timeout)))
    }
}

pub(super) fn header(header: Option<&ResponseHeader>) -> Header {
    Header {
        cluster_id: header.map_or(0, ResponseHeader::cluster_id),
        revision: header.map_or(Revision::ZERO, |header| from_etcd(header.revision())),
    }
}

pub(super) fn entry(kv: KeyValue) -> KvEntry {
    let mod_revision = from_etcd(kv.mod_revision());
    let (key, value) = kv.into_key_value();
    KvEntry { key: key.into(), value: value.into(), mod_revision }
}

/// etcd's revisions are signed and never negative.
pub(super) fn from_etcd(revision: i64) -> Revision {
    Revision::new(u64::try_from(revision).unwrap_or_default())
}

pub(super) fn to_etcd(revision: Revision) -> i64 {
    i64::try_from(revision.as_u64()).unwrap_or(i64::MAX)
}
