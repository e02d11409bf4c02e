//! What a restart must not lose, and the mirror that is made from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use aldis_core::DirectiveSet;

use super::{Digest, Document, Gone, Mirror, Seen, Slot, Version};
use crate::kv::{Header, Key, Revision};

/// What a restart must not lose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Cluster, and the revision up to which everything has been taken in.
    pub(crate) header: Header,
    /// The revision of what was in force.
    pub(crate) revision: Revision,
    /// Its digest.
    pub(crate) digest: Digest,
    /// The set that was in force; `None` if it was written by another version of Aldis, whose image cannot be read. It
    /// saves compiling: the documents say the same.
    pub(crate) set: Option<Arc<DirectiveSet>>,
    /// The keys.
    pub(crate) keys: BTreeMap<Key, Kept>,
    /// When versions that are gone were first seen; gone longest first.
    pub(crate) gone: Vec<Gone>,
}

/// What is kept of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The newest version, good or refused.
    pub(crate) newest: Version,
    /// The version in force, if there is one.
    pub(crate) good: Option<Version>,
}

impl Mirror {
    /// What a restart must not lose; `None` before the scope has been read, and after a panic until it is read again.
    /// Costs some counts for each key.
    pub(crate) fn record(&self) -> Option<Record> {
        let snapshot = self.snapshot.as_ref().filter(|_| self.is_settled())?;
        let kept = |slot: &Slot| Kept {
            newest: slot.newest.clone(),
            good: slot.good.as_ref().map(|good| good.version.clone()),
        };
        Some(Record {
            header: self.header?,
            revision: snapshot.revision,
            digest: snapshot.digest,
            set: Some(Arc::clone(&snapshot.set)),
            keys: self.keys.iter().map(|(key, slot)| (key.clone(), kept(slot))).collect(),
            gone: self.seen.iter().collect(),
        })
    }

    /// How many versions that are gone are remembered, some 150 bytes each.
    pub(crate) fn remembered(&self) -> usize {
        self.seen.len()
    }

    /// The mirror that this is the record of. What was refused is judged again, by the rules of this version of Aldis
    /// and by the room there is.
    pub(crate) fn restore(record: Record) -> Self {
        let Record { header, revision, digest, set, keys, gone } = record;
        let mut mirror = Self { header: Some(header), seen: Seen::of(gone), ..Self::default() };
        let (mut newer, mut is_same) = (Vec::new(), true);
        for (key, Kept { newest, good }) in keys {
            let document = good.map(|version| Document::decode(&version).map(Arc::new));
            is_same &= !matches!(document, Some(Err(_)));
            match document.and_then(Result::ok) {
                None => newer.push((key, newest, None)),
                Some(good) => {
                    if good.version != newest {
                        newer.push((key.clone(), newest, Some(Arc::clone(&good))));
                    }
                    mirror.lead = mirror.lead.max(good.version.first_seen.lead);
                    mirror
                        .keys
                        .insert(key, Slot { newest: good.version.clone(), good: Some(good), refusal: None });
                }
            }
        }
        let set = set.filter(|_| is_same);
        mirror.snapshot = set.map(|set| Arc::new(mirror.snapshot_of(revision, digest, set)));
        mirror.unsettled.revision = Some(revision);
        let _compiled = mirror.settle();
        for (key, newest, last_good) in newer {
            mirror.judge(key, newest, last_good);
        }
        mirror.unsettled.revision = Some(revision);
        let _judged = mirror.settle();
        mirror
    }
}
