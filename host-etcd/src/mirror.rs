//! The local copy: for each key the last good document, and what was refused. Makes the snapshots that sinks take.
//!
//! A malformed document leaves its key's last good one in force and a refusal on show, until a good one replaces it or
//! the key is deleted; other keys go on. A relative lifetime counts from when that version of the key — revision and
//! value — was first seen, however often it is read again, and though it may have been gone meanwhile. A key that is
//! deleted and put again has another revision, and counts anew. Only where a cluster was wiped, and then happens to put
//! the same bytes under the same key at the same revision, it goes on from the old beginning: that looks the same as a
//! restore.
//!
//! What a restart must not lose is a record; a mirror can be made from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aldis_core::{CompileError, DecodeError, DirectiveSet};

use crate::clock::Moment;
use crate::kv::{Header, Key, KvEntry, KvUpdate, Listing, Revision};

mod document;
mod late;
mod merge;
mod record;
mod seen;
mod settle;
mod shared;
#[cfg(test)]
mod tests;

use document::Document;
use seen::Seen;
use settle::{Replaced, Unsettled};

pub use aldis_answer::Digest;
#[cfg(feature = "relay")]
pub(crate) use document::later;
pub(crate) use document::{NEGLIGIBLE_LEAD, Version};
pub(crate) use record::{Kept, Record};
pub(crate) use seen::Gone;
pub(crate) use shared::SharedMirror;

/// Everything in force at one revision. Immutable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The store's revision at which this was observed.
    pub revision: Revision,
    /// The same on every instance that has the same documents in force.
    pub digest: Digest,
    /// The directives of all documents, in key order.
    pub set: Arc<DirectiveSet>,
    /// `None`: the set itself.
    told: Option<Arc<DirectiveSet>>,
}

impl Snapshot {
    /// A set whose ends are by the wall clock.
    #[must_use]
    pub fn new(revision: Revision, digest: Digest, set: Arc<DirectiveSet>) -> Self {
        Self { revision, digest, set, told: None }
    }

    /// The same with its ends by a clock that is ahead of the wall clock, as the set here has them.
    pub(crate) fn translated(self, set: Arc<DirectiveSet>) -> Self {
        let told = self.told.unwrap_or(self.set);
        Self { told: Some(told).filter(|told| !Arc::ptr_eq(told, &set)), set, ..self }
    }

    /// The same directives with their ends by the wall clock, for whoever has another clock. That is the set, unless the
    /// store's clock was [ahead](crate::clock) when it first saw one of the documents.
    #[must_use]
    pub fn told(&self) -> &Arc<DirectiveSet> {
        self.told.as_ref().unwrap_or(&self.set)
    }

    /// As it is told.
    #[cfg(feature = "relay")]
    pub(crate) fn by_the_wall_clock(&self) -> Self {
        Self::new(self.revision, self.digest, Arc::clone(self.told()))
    }
}

/// A document that is not in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The revision that published it.
    pub revision: Revision,
    /// Why.
    pub cause: RefusalCause,
}

/// Why a document is not in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusalCause {
    /// It is malformed.
    Document(DecodeError),
    /// It is well-formed, but with the other documents of the prefix it makes too large a set.
    Together(CompileError),
}

impl fmt::Display for RefusalCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(error) => error.fmt(f),
            Self::Together(error) => write!(f, "together with the other documents: {error}"),
        }
    }
}

/// What a step came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The new snapshot, if something in force was added, replaced or removed.
    pub snapshot: Option<Arc<Snapshot>>,
    /// What this step refused.
    pub refused: Vec<(Key, Refusal)>,
    /// How many keys a verifying read found different and repaired.
    pub repaired: usize,
    /// Whether anything has changed that a restart must not lose, in force or not.
    pub is_news: bool,
}

/// The local copy of a scope. One writer; whoever reads takes snapshots.
#[derive(Debug, Default)]
pub struct Mirror {
    keys: BTreeMap<Key, Slot>,
    seen: Seen,
    /// Cluster, and the revision up to which everything has been taken in.
    header: Option<Header>,
    snapshot: Option<Arc<Snapshot>>,
    /// The largest lead of any version's moment.
    lead: Duration,
    unsettled: Unsettled,
    /// The snapshot has changed by what came late, and nobody was told.
    is_untold: bool,
}

/// What is known under one key.
#[derive(Clone, Debug)]
struct Slot {
    newest: Version,
    good: Option<Arc<Document>>,
    refusal: Option<Refusal>,
}

impl Slot {
    /// The last good version, and the newest.
    fn versions(&self) -> impl Iterator<Item = &Version> {
        self.good.as_ref().map(|good| &good.version).into_iter().chain([&self.newest])
    }
}

impl Mirror {
    /// A copy of nothing; without a snapshot, because not even that the scope is empty is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The present snapshot, once the scope has been read.
    #[must_use]
    pub fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.snapshot.as_ref()
    }

    /// Cluster, and the revision up to which everything has been taken in.
    pub(crate) fn header(&self) -> Option<Header> {
        self.header
    }

    /// What is refused at present, in key order.
    pub fn refusals(&self) -> impl Iterator<Item = (&Key, &Refusal)> {
        self.keys.iter().filter_map(|(key, slot)| Some((key, slot.refusal.as_ref()?)))
    }

    /// Swaps the whole scope in.
    pub fn replace(&mut self, listing: Listing, now: Moment) -> Outcome {
        let header = listing.header;
        let is_new = self
            .header
            .is_none_or(|last| last.cluster_id != header.cluster_id || header.revision < last.revision);
        self.swap_in(listing, &BTreeSet::new(), now, is_new)
    }

    /// Applies what one transaction changed.
    pub fn change(&mut self, revision: Revision, events: Vec<KvUpdate>, now: Moment) -> Outcome {
        self.changes([(revision, events)], now)
    }

    /// Applies what transactions changed that are at hand together, in their order. They make one snapshot, that of the
    /// last: a snapshot costs as much as the whole scope, and nobody could have read those between.
    pub fn changes(
        &mut self,
        transactions: impl IntoIterator<Item = (Revision, Vec<KvUpdate>)>,
        now: Moment,
    ) -> Outcome {
        for (revision, events) in transactions {
            for event in events {
                match event {
                    KvUpdate::Put(entry) => self.put(entry, now),
                    KvUpdate::Delete { key, .. } => self.remove(&key),
                };
            }
            if let Some(header) = &mut self.header {
                header.revision = header.revision.max(revision);
            }
            self.unsettled.revision = Some(revision);
        }
        self.settle()
    }

    /// Compares with a list and repairs what differs, except the keys that changed after the list was read.
    pub fn verify(&mut self, listing: Listing, later: &BTreeSet<Key>, now: Moment) -> Outcome {
        self.swap_in(listing, later, now, false)
    }

    /// Takes from the translation of documents what the wall clock has come forward since: their ends come nearer by as
    /// much (see [`clock`](crate::clock)). Costs nothing unless there is a lead that has shrunk by a second, or something
    /// has come late.
    pub fn catch_up(&mut self, now: Moment) -> Outcome {
        let is_untold = std::mem::take(&mut self.is_untold);
        let untold = self.snapshot.clone().filter(|_| is_untold);
        if self.lead < now.lead.saturating_add(NEGLIGIBLE_LEAD) {
            return Outcome { snapshot: untold, ..Outcome::default() };
        }
        self.lead = now.lead;
        self.seen.limit_leads(now.lead);
        for (key, slot) in &mut self.keys {
            slot.newest = slot.newest.with_lead_at_most(now.lead);
            let good = slot.good.as_ref().filter(|good| good.version.first_seen.lead > now.lead);
            let decoded = good.map(|good| Document::decode(&good.version.with_lead_at_most(now.lead)));
            if let Some(Ok(document)) = decoded {
                let before = slot.good.replace(Arc::new(document));
                self.unsettled.replaced.entry(key.clone()).or_insert(before);
            }
        }
        let outcome = self.settle();
        Outcome { snapshot: outcome.snapshot.or(untold), ..outcome }
    }

    fn swap_in(&mut self, listing: Listing, later: &BTreeSet<Key>, now: Moment, is_new: bool) -> Outcome {
        let mut gone: BTreeSet<Key> = self.keys.keys().filter(|key| !later.contains(*key)).cloned().collect();
        let mut repaired = 0_usize;
        for entry in listing.entries {
            if later.contains(&entry.key) {
                self.glimpse(entry, now);
                continue;
            }
            gone.remove(&entry.key);
            repaired = repaired.saturating_add(usize::from(self.put(entry, now)));
        }
        for key in gone {
            repaired = repaired.saturating_add(usize::from(self.remove(&key)));
        }
        // A list that verifies may be older than what the watch has brought meanwhile.
        let last = self.header.filter(|_| !is_new).map_or(Revision::ZERO, |last| last.revision);
        let revision = listing.header.revision.max(last);
        self.header = Some(Header { revision, ..listing.header });
        self.unsettled.revision = Some(revision);
        self.unsettled.is_new |= is_new;
        Outcome { repaired, ..self.settle() }
    }

    /// Takes a value in; whether it was not known yet.
    fn put(&mut self, entry: KvEntry, now: Moment) -> bool {
        let KvEntry { key, value, mod_revision: revision } = entry;
        let last = self.keys.get(&key);
        if last.is_some_and(|slot| slot.newest.is(revision, &value)) {
            return false;
        }
        let last_good = last.and_then(|slot| slot.good.clone());
        let mut version = Version::new(&key, revision, value, now);
        version.first_seen = self.first_seen(&key, &version).unwrap_or(now);
        self.bury(&key);
        self.judge(key, version, last_good);
        true
    }

    /// Puts a version in force, or refuses it and leaves the last good one there.
    fn judge(&mut self, key: Key, newest: Version, last_good: Option<Arc<Document>>) {
        self.lead = self.lead.max(newest.first_seen.lead);
        self.unsettled.is_news = true;
        let slot = match Document::decode(&newest) {
            Ok(document) => {
                self.unsettled.has_room |= last_good.is_some();
                self.unsettled.replaced.entry(key.clone()).or_insert(last_good);
                Slot { newest, good: Some(Arc::new(document)), refusal: None }
            }
            Err(error) => {
                let refusal = Refusal { revision: newest.revision, cause: RefusalCause::Document(error) };
                self.unsettled.refused.push((key.clone(), refusal.clone()));
                Slot { newest, good: last_good, refusal: Some(refusal) }
            }
        };
        self.keys.insert(key, slot);
    }

    /// Forgets a key; whether it was known.
    fn remove(&mut self, key: &Key) -> bool {
        self.bury(key);
        let Some(slot) = self.keys.remove(key) else { return false };
        self.unsettled.is_news = true;
        if slot.good.is_some() {
            self.unsettled.has_room = true;
            // Not what it was before: if it is put again and does not fit, nothing is to come back.
            self.unsettled.replaced.insert(key.clone(), None);
        }
        true
    }

    /// Remembers that a version was seen that has been replaced already: it may come back by a restore.
    fn glimpse(&mut self, entry: KvEntry, now: Moment) {
        let KvEntry { key, value, mod_revision: revision } = entry;
        let version = Version::new(&key, revision, value, now);
        if self.first_seen(&key, &version).is_none() {
            self.seen.remember(&version, self.keys.len());
        }
    }

    /// When this version was first seen, be it there or gone; after a restore it may be the last good one.
    fn first_seen(&self, key: &Key, version: &Version) -> Option<Moment> {
        let is_it = |one: &&Version| one.is(version.revision, &version.value);
        let there = self.keys.get(key).and_then(|slot| slot.versions().find(is_it));
        there.map(|one| one.first_seen).or_else(|| self.seen.first_seen(version))
    }

    /// Remembers when the present version of the key was first seen, should it ever come back.
    fn bury(&mut self, key: &Key) {
        if let Some(slot) = self.keys.get(key) {
            self.seen.remember(&slot.newest, self.keys.len());
        }
    }
}
