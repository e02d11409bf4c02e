//! What a watch may be told. Headers without a cluster are given the server's own when they are said.

use etcd_client::proto::{PbEvent, PbKeyValue, PbResponseHeader, PbWatchResponse};

/// A put at this revision.
pub fn put(key: &str, value: impl AsRef<[u8]>, mod_revision: i64) -> PbEvent {
    event(0, key, value.as_ref(), mod_revision)
}

/// A delete at this revision.
pub fn delete(key: &str, mod_revision: i64) -> PbEvent {
    event(1, key, &[], mod_revision)
}

/// An event of a type that nobody has heard of.
pub fn unheard_of(key: &str, value: impl AsRef<[u8]>, mod_revision: i64) -> PbEvent {
    event(7, key, value.as_ref(), mod_revision)
}

/// What one or more transactions changed, by a server that has come as far as `revision`.
pub fn events(revision: i64, events: Vec<PbEvent>) -> PbWatchResponse {
    PbWatchResponse { header: header(revision), events, ..PbWatchResponse::default() }
}

/// The same, but not the last piece of it.
pub fn fragment(revision: i64, pieces: Vec<PbEvent>) -> PbWatchResponse {
    PbWatchResponse { fragment: true, ..events(revision, pieces) }
}

/// Everything up to `revision` has been said.
pub fn progress(revision: i64) -> PbWatchResponse {
    // As 3.5 answers a request: for all watches of the stream at once.
    PbWatchResponse { watch_id: -1, ..events(revision, Vec::new()) }
}

/// The watch stands.
pub fn created(revision: i64) -> PbWatchResponse {
    PbWatchResponse { created: true, ..events(revision, Vec::new()) }
}

/// The watch has not come to be: etcd's answer to a watch that is not permitted.
pub fn refused(revision: i64, reason: &str) -> PbWatchResponse {
    PbWatchResponse { watch_id: -1, created: true, ..canceled(revision, reason) }
}

/// The watch is ended by the server; the stream stays open.
pub fn canceled(revision: i64, reason: &str) -> PbWatchResponse {
    PbWatchResponse { canceled: true, cancel_reason: reason.to_owned(), ..events(revision, Vec::new()) }
}

/// The watch's start is compacted away; `oldest` is left. Without a reason and without a revision, as etcd does it.
pub fn compacted(oldest: i64) -> PbWatchResponse {
    PbWatchResponse { compact_revision: oldest, ..canceled(0, "") }
}

/// The same, said by a server of this cluster.
#[must_use]
pub fn by_cluster(cluster_id: u64, response: PbWatchResponse) -> PbWatchResponse {
    let header = response.header.unwrap_or_default();
    PbWatchResponse { header: Some(PbResponseHeader { cluster_id, ..header }), ..response }
}

fn header(revision: i64) -> Option<PbResponseHeader> {
    Some(PbResponseHeader { revision, ..PbResponseHeader::default() })
}

fn event(r#type: i32, key: &str, value: &[u8], mod_revision: i64) -> PbEvent {
    let kv = PbKeyValue {
        key: key.as_bytes().to_vec(),
        value: value.to_vec(),
        mod_revision,
        ..PbKeyValue::default()
    };
    PbEvent { r#type, kv: Some(kv), prev_kv: None }
}
