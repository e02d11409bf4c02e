//! How a start goes: well with the first read, badly once every endpoint has failed.

use std::collections::BTreeMap;

use tokio::sync::oneshot;

use crate::kv::{Key, KvError};
use crate::mirror::Refusal;

/// How the start went.
pub(crate) type Started = Result<(), StartFailure>;

/// Why the start failed.
#[derive(Debug)]
pub(crate) enum StartFailure {
    /// Every endpoint failed, for this reason each.
    Unreachable(BTreeMap<usize, KvError>),
    /// A document is malformed, and the start is strict.
    Refused(Key, Refusal),
}

/// The start, until it has been told how it went. Nobody may wait any more: then the handle is gone, too.
pub(crate) struct Start {
    endpoints: usize,
    failures: BTreeMap<usize, KvError>,
    sender: Option<oneshot::Sender<Started>>,
}

impl Start {
    /// The start over so many endpoints, and who is told how it went.
    pub(crate) fn new(endpoints: usize) -> (Self, oneshot::Receiver<Started>) {
        let (sender, started) = oneshot::channel();
        (Self { endpoints, failures: BTreeMap::new(), sender: Some(sender) }, started)
    }

    /// Whether it has not been told yet.
    pub(crate) fn is_open(&self) -> bool {
        self.sender.is_some()
    }

    /// Whether this endpoint is the last that has not failed.
    pub(crate) fn fails_with(&self, endpoint: usize) -> bool {
        let failed = self.failures.keys().filter(|failed| **failed != endpoint).count();
        self.is_open() && failed.saturating_add(1) >= self.endpoints
    }

    /// Tells how it went; only the first word counts.
    pub(crate) fn tell(&mut self, started: Started) {
        if let Some(sender) = self.sender.take() {
            let _abandoned = sender.send(started);
        }
    }

    /// An endpoint failed; the last of them makes the start fail.
    pub(crate) fn endpoint_failed(&mut self, endpoint: usize, cause: &KvError) {
        if !self.is_open() {
            return;
        }
        self.failures.insert(endpoint, cause.clone());
        if self.failures.len() >= self.endpoints {
            let failures = std::mem::take(&mut self.failures);
            self.tell(Err(StartFailure::Unreachable(failures)));
        }
    }
}
