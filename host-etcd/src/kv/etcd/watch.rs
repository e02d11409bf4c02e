//! One watch on one stream: fragments merged, surplus dropped, cancels told as messages.

use std::time::Duration;

use async_trait::async_trait;
use etcd_client::proto::{PbEvent, PbWatchResponse};
use etcd_client::{WatchOptions, WatchStream};

use super::connection::{from_etcd, to_etcd};
use super::error::{Failure, timeout};
use super::pages::{first_key, prefix_end};
use crate::kv::{Header, Key, KvEntry, KvError, KvUpdate, KvWatch, Revision, Scope, WatchMessage};

/// How a watch is asked for: the key, and the rest.
pub(super) fn options(scope: &Scope, from: Revision) -> (Vec<u8>, WatchOptions) {
    match scope {
        Scope::Key(key) => (key.as_bytes().to_vec(), start_options(from)),
        Scope::Prefix(prefix) => {
            let end = prefix_end(prefix.as_bytes());
            (first_key(prefix).as_bytes().to_vec(), start_options(from).with_range(end))
        }
    }
}

/// A watch starts one revision early; see the module above.
pub(super) fn start_options(from: Revision) -> WatchOptions {
    let start = Revision::new(from.as_u64().saturating_sub(1).max(1));
    WatchOptions::new().with_start_revision(to_etcd(start)).with_fragment()
}

/// An open watch.
pub(super) struct EtcdWatch {
    stream: WatchStream,
    endpoint: String,
    /// How long a request may take to be handed over.
    limit: Duration,
    inbox: Inbox,
}

impl EtcdWatch {
    pub(super) fn new(
        stream: WatchStream,
        from: Revision,
        progress_is_ordered: bool,
        endpoint: String,
        limit: Duration,
    ) -> Self {
        Self { stream, endpoint, limit, inbox: Inbox::new(from, progress_is_ordered) }
    }
}

#[async_trait]
impl KvWatch for EtcdWatch {
    async fn next(&mut self) -> Result<Option<WatchMessage>, KvError> {
        loop {
            match self.stream.message().await {
                Ok(Some(response)) => {
                    if let Some(message) = self.inbox.handle(response.0) {
                        return Ok(Some(message));
                    }
                }
                Ok(None) => return Ok(None),
                Err(error) => return Err(Failure::of(&error).into_error("watch", &self.endpoint)),
            }
        }
    }

    async fn request_progress(&mut self) -> Result<(), KvError> {
        // It waits when a hundred requests lie unsent.
        match tokio::time::timeout(self.limit, self.stream.request_progress()).await {
            Ok(asked) => {
                asked.map_err(|error| Failure::of(&error).into_error("progress request", &self.endpoint))
            }
            Err(_) => Err(timeout("progress request", self.limit)),
        }
    }
}

/// What has come in, until it is whole. Of a long history, which comes in fragments of one response, each transaction
/// is handed on as soon as it is: over a slow link the whole may take longer than a watch may be silent, and what has
/// been handed on need not come again.
pub(super) struct Inbox {
    from: Revision,
    /// The last revision that is known to be delivered.
    delivered: Revision,
    progress_is_ordered: bool,
    fragments: Vec<KvUpdate>,
    /// Whether the last response has yet to end.
    is_fragmented: bool,
    /// The last header that was filled in.
    last: Header,
}

impl Inbox {
    pub(super) fn new(from: Revision, progress_is_ordered: bool) -> Self {
        let delivered = Revision::new(from.as_u64().saturating_sub(1));
        let last = Header { cluster_id: 0, revision: delivered };
        Self { from, delivered, progress_is_ordered, fragments: Vec::new(), is_fragmented: false, last }
    }

    /// Takes one response of the stream; a message once there is something to say.
    pub(super) fn handle(&mut self, response: PbWatchResponse) -> Option<WatchMessage> {
        let header = self.header(&response);
        if response.canceled {
            let compacted = (response.compact_revision > 0).then(|| from_etcd(response.compact_revision));
            return Some(WatchMessage::Canceled { header, compacted, reason: response.cancel_reason });
        }
        if response.created {
            return Some(WatchMessage::Created(header));
        }
        if response.events.is_empty() && !response.fragment {
            // Between fragments it would hand on half of a transaction, or confirm what is not whole yet.
            return (!self.is_fragmented).then(|| WatchMessage::Progress(self.confirmed(header)));
        }
        self.is_fragmented = response.fragment;
        // Events come in the order of their revisions, so only those of the last may go on in the next fragment.
        let last = response.events.last().and_then(|event| event.kv.as_ref());
        let open = last.map_or(Revision::ZERO, |kv| from_etcd(kv.mod_revision));
        self.fragments.extend(response.events.into_iter().filter_map(|event| known(event, self.from)));
        self.take_events(header.cluster_id, response.fragment.then_some(open))
    }

    /// Whether a transaction may have come in by half.
    pub(super) fn is_fragmented(&self) -> bool {
        self.is_fragmented
    }

    /// The response's header. etcd leaves the revision out when it cancels; taken for one, that zero would look like a
    /// cluster that was wiped.
    fn header(&mut self, response: &PbWatchResponse) -> Header {
        if let Some(header) = response.header.as_ref().filter(|header| header.revision > 0) {
            self.last = Header { cluster_id: header.cluster_id, revision: from_etcd(header.revision) };
        }
        self.last
    }

    /// All that came, but for the revision that is still open and what is behind it; if any of it was asked for.
    fn take_events(&mut self, cluster_id: u64, open: Option<Revision>) -> Option<WatchMessage> {
        let is_whole = |event: &KvUpdate| open.is_none_or(|open| event.mod_revision() < open);
        let (events, rest): (Vec<_>, _) = std::mem::take(&mut self.fragments).into_iter().partition(is_whole);
        self.fragments = rest;
        let last = events.iter().map(KvUpdate::mod_revision).max()?;
        self.delivered = self.delivered.max(last);
        // Not the response's own revision: while a watch catches up, that one runs ahead of what is delivered.
        Some(WatchMessage::Events(Header { cluster_id, revision: last }, events))
    }

    fn confirmed(&self, header: Header) -> Header {
        match self.progress_is_ordered {
            true => header,
            false => Header { revision: header.revision.min(self.delivered), ..header },
        }
    }
}

/// An event that was asked for and whose type is known. The client library's own accessor panics on types that are
/// not, so the message is read beneath it.
fn known(event: PbEvent, from: Revision) -> Option<KvUpdate> {
    let kv = event.kv?;
    let mod_revision = from_etcd(kv.mod_revision);
    if mod_revision < from {
        return None;
    }
    match event.r#type {
        0 => Some(KvUpdate::Put(KvEntry { key: kv.key.into(), value: kv.value.into(), mod_revision })),
        1 => Some(KvUpdate::Delete { key: Key::from(kv.key), mod_revision }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
