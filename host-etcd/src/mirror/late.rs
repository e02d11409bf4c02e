//! What was known before a restart, and comes only after the store has started without: a disk may be slow.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Document, Key, Mirror, NEGLIGIBLE_LEAD, Replaced, Seen, Slot, Version};
use crate::clock::Moment;

impl Mirror {
    /// Takes in what was known before the restart. Versions that are there count from when they were first seen then, and
    /// a key of which nothing good has come since has its last good one back.
    ///
    /// If the scope has not been read yet, nothing is late and this is where the mirror begins. Otherwise what has come of
    /// it is handed out by the next [`catch_up`](Self::catch_up).
    pub(crate) fn adopt(&mut self, before: Self, now: Moment) {
        if self.header.is_none() {
            *self = before;
            // Nothing of it is in force yet.
            let _in_force = self.catch_up(now);
            return;
        }
        let Self { keys: known, seen, lead, .. } = before;
        let seen = with_those_present(seen, &known);
        self.lead = self.lead.max(lead);
        for (key, slot) in &mut self.keys {
            let since = |version: &Version| {
                let first_seen = seen.first_seen(version)?;
                Some(Version { first_seen, ..version.clone() })
            };
            let good = match &slot.good {
                Some(good) => since(&good.version),
                None => known.get(key).and_then(|slot| Some(slot.good.as_ref()?.version.clone())),
            };
            slot.newest = since(&slot.newest).unwrap_or_else(|| slot.newest.clone());
            slot.put(key, good, &mut self.unsettled.replaced);
        }
        let later = std::mem::replace(&mut self.seen, seen);
        self.seen.go_on_with(&later);
        self.remake();
    }

    /// The clock was put forward by so much, because before the restart it had come further. All that is known was first
    /// seen by a clock without that lead.
    pub(crate) fn shift(&mut self, by: Duration) {
        if by < NEGLIGIBLE_LEAD {
            return;
        }
        self.lead = self.lead.saturating_add(by);
        self.seen.shift(by);
        for (key, slot) in &mut self.keys {
            slot.newest.first_seen = slot.newest.first_seen.later_by(by);
            let later = |version: &Version| Version {
                first_seen: version.first_seen.later_by(by),
                ..version.clone()
            };
            let good = slot.good.as_ref().map(|good| later(&good.version));
            slot.put(key, good, &mut self.unsettled.replaced);
        }
        self.remake();
    }

    fn remake(&mut self) {
        self.is_untold |= self.settle().snapshot.is_some();
    }
}

impl Slot {
    /// Puts a version in force that was good before.
    fn put(&mut self, key: &Key, good: Option<Version>, replaced: &mut Replaced) {
        if let Some(Ok(document)) = good.map(|version| Document::decode(&version)) {
            let before = self.good.replace(Arc::new(document));
            replaced.entry(key.clone()).or_insert(before);
        }
    }
}

/// Remembers the versions of these keys as well.
fn with_those_present(mut seen: Seen, keys: &BTreeMap<Key, Slot>) -> Seen {
    for slot in keys.values() {
        for version in slot.versions() {
            seen.remember(version, keys.len());
        }
    }
    seen
}
