//! What is written is read again as it was, and nothing else is read at all.

mod files;
mod late;
mod layout;
mod puppet;
mod writer;

use std::time::Duration;

use aldis_core::UnixMillis;

use super::{Confirmed, Pulse};
use crate::clock::Moment;
use crate::kv::{Header, KvEntry, KvUpdate, Listing, Revision, Scope};
use crate::mirror::{Mirror, Record};

const NOON: u64 = 1_800_000_000_000;

fn scope() -> Scope {
    Scope::parse("d/")
}

fn at(millis: u64) -> Moment {
    Moment { at: UnixMillis::new(NOON + millis), lead: Duration::ZERO }
}

fn pulse(millis: u64) -> Pulse {
    let confirmed = Confirmed { at: UnixMillis::new(NOON + millis), revision: Revision::new(12) };
    Pulse { reading: UnixMillis::new(NOON + millis), confirmed: Some(confirmed) }
}

fn document(id: &str, ttl_secs: u64) -> Vec<u8> {
    format!(r#"{{"directives":[{{"id":"{id}","level":"Shape","ttl_secs":{ttl_secs},"tenant":"{id}"}}]}}"#)
        .into_bytes()
}

fn entry(key: &str, revision: u64, value: &[u8]) -> KvEntry {
    KvEntry { key: key.into(), value: value.to_vec().into(), mod_revision: Revision::new(revision) }
}

fn listing(revision: u64, entries: Vec<KvEntry>) -> Listing {
    Listing { header: Header { cluster_id: 7, revision: Revision::new(revision) }, entries }
}

fn put(mirror: &mut Mirror, revision: u64, key: &str, value: &[u8], now: Moment) {
    mirror.change(Revision::new(revision), vec![KvUpdate::Put(entry(key, revision, value))], now);
}

/// A good key, a refused key with a last good version, one that was never good, and two versions that are gone.
fn mirror() -> Mirror {
    let mut mirror = Mirror::new();
    let list = vec![entry("d/a", 3, &document("one", 60)), entry("d/b", 4, &document("two", 60))];
    mirror.replace(listing(9, list), at(0));
    put(&mut mirror, 10, "d/a", b"malformed", at(1_000));
    put(&mut mirror, 11, "d/b", &document("due", 60), at(2_000));
    put(&mut mirror, 12, "d/c", b"never good", at(3_000));
    mirror
}

fn record() -> Record {
    mirror().record().expect("has been listed")
}
