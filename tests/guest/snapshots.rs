//! Snapshots whose decisions tell which of them made it.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::fmt::Write;
use std::sync::Arc;

use aldis_core::{DiagLevel, DirectiveSet, UnixMillis};
use aldis_etcd::kv::Revision;
use aldis_etcd::mirror::{Digest, Snapshot};

pub(crate) const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);

/// One directive, on the tenant `acme`, at [`level`].
pub(crate) fn snapshot(revision: u64) -> Arc<Snapshot> {
    of(1, revision)
}

/// No directives.
pub(crate) fn empty(revision: u64) -> Arc<Snapshot> {
    of(0, revision)
}

/// `directives` directives; the last is on the tenant `acme`, at [`level`].
pub(crate) fn of(directives: usize, revision: u64) -> Arc<Snapshot> {
    let mut document = String::from("{\"directives\":[");
    for place in 1..=directives {
        let (tenant, comma) =
            if place == directives { ("acme".into(), "") } else { (format!("tenant-{place}"), ",") };
        let level = level(revision);
        let tail = format!("\"level\":\"{level}\",\"ttl_secs\":60,\"tenant\":\"{tenant}\"}}{comma}");
        write!(document, "{{\"id\":\"d{place}\",{tail}").expect("writes to memory");
    }
    document.push_str("]}");
    let set = DirectiveSet::decode(document.as_bytes(), NOW).expect("is a document");
    let digest = Digest::of([(&b"key"[..], document.as_bytes())]);
    Arc::new(Snapshot::new(Revision::new(revision), digest, Arc::new(set)))
}

/// The level of the snapshot of a revision.
pub(crate) fn level(revision: u64) -> DiagLevel {
    let levels = [DiagLevel::Shape, DiagLevel::ShapeTiming, DiagLevel::ShapeRewriteDiff];
    *levels.iter().cycle().nth(usize::try_from(revision % 3).expect("fits")).expect("never ends")
}
