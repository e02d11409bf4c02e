//! A consumer as it is meant: it applies burst after burst to a map, and holds each burst to what is promised.

use std::collections::BTreeMap;

use aldis_etcd::kv::{Bytes, Key, KvEntry, KvUpdate, Revision};
use aldis_etcd::stream::{Burst, BurstKind};

/// What a consumer has come to.
#[derive(Default)]
pub(crate) struct Replica {
    keys: BTreeMap<Key, (Revision, Bytes)>,
    revision: Option<Revision>,
    /// Whether events may have been lost, or a change of incarnation not noticed: then what a burst tells may be known
    /// already, or be about something that was never known.
    pub(crate) may_have_missed: bool,
    pub(crate) differences: usize,
    pub(crate) incarnations: usize,
}

impl Replica {
    /// The revision of the last burst.
    pub(crate) fn revision(&self) -> Revision {
        self.revision.unwrap_or(Revision::ZERO)
    }

    /// Whether it holds exactly these.
    pub(crate) fn equals(&self, entries: &[KvEntry]) -> bool {
        let held = self.keys.iter().map(|(key, (revision, value))| (key, *revision, value));
        held.eq(entries.iter().map(|entry| (&entry.key, entry.mod_revision, &entry.value)))
    }

    /// `key=value@revision`, joined by blanks.
    pub(crate) fn shown(&self) -> String {
        let shown = self
            .keys
            .iter()
            .map(|(key, (revision, value))| format!("{key}={}@{revision}", String::from_utf8_lossy(value)));
        shown.collect::<Vec<_>>().join(" ")
    }

    /// Applies a burst.
    ///
    /// # Errors
    ///
    /// What it breaks of the promise.
    pub(crate) fn apply(&mut self, burst: &Burst) -> Result<(), String> {
        self.check_order(burst)?;
        match burst.kind {
            BurstKind::Difference => self.differences += 1,
            BurstKind::NewIncarnation { .. } => self.incarnations += 1,
            _ => {}
        }
        for update in &burst.updates {
            self.apply_one(update, burst)?;
        }
        self.revision = Some(burst.revision);
        Ok(())
    }

    /// The same where every transaction of the store lies in the scope and no history is lost: none is missing.
    pub(crate) fn apply_gapless(&mut self, burst: &Burst) -> Result<(), String> {
        let is_next = match burst.kind {
            BurstKind::Snapshot => true,
            BurstKind::Live => burst.revision == self.revision().next(),
            _ => false,
        };
        if !is_next {
            return Err(format!("{:?} {} follows {}", burst.kind, burst.revision, self.revision()));
        }
        self.apply(burst)
    }

    fn check_order(&self, burst: &Burst) -> Result<(), String> {
        let in_order = match (burst.kind, self.revision) {
            (BurstKind::Snapshot, last) => last.is_none(),
            (BurstKind::Live, last) => last.is_some_and(|last| burst.revision > last),
            (BurstKind::NewIncarnation { from, to }, last) => last.is_some() && from != to,
            (_, last) => last.is_some_and(|last| burst.revision >= last && !burst.updates.is_empty()),
        };
        let of_later =
            burst.updates.iter().map(KvUpdate::mod_revision).find(|revision| *revision > burst.revision);
        match in_order && of_later.is_none() {
            true => Ok(()),
            false => Err(format!("{:?} {} after {:?}", burst.kind, burst.revision, self.revision)),
        }
    }

    fn apply_one(&mut self, update: &KvUpdate, burst: &Burst) -> Result<(), String> {
        let is_of_now = burst.kind != BurstKind::Live || update.mod_revision() == burst.revision;
        let is_news = match update {
            KvUpdate::Put(entry) => {
                let version = (entry.mod_revision, entry.value.clone());
                self.keys.insert(entry.key.clone(), version.clone()) != Some(version)
            }
            KvUpdate::Delete { key, .. } => self.keys.remove(key).is_some(),
        };
        match is_of_now && (is_news || self.may_have_missed) {
            true => Ok(()),
            false => Err(format!("{:?} {} tells {update:?} again", burst.kind, burst.revision)),
        }
    }
}
