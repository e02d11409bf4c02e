//! What a subscription has delivered: of each key the version, not the value.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use crate::kv::{Key, KvEntry, KvUpdate, Listing, Revision};

/// The versions that were delivered.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    versions: BTreeMap<Key, Version>,
    hasher: RandomState,
}

/// Which value it was. The revision alone does not tell: in another incarnation of the cluster the same one may mean
/// another value, and not every change of the incarnation is noticed as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    revision: Revision,
    /// Keyed at random, so that nobody can choose a value with the hash of another.
    fingerprint: u64,
}

impl Delivered {
    /// What has to be delivered for the scope to be as listed: puts of what is new or another, then deletions of what
    /// is gone, each in key order. Says nothing about the keys that changed after the list was read.
    pub(super) fn difference(&self, listing: Listing, later: &BTreeSet<Key>) -> Vec<KvUpdate> {
        let mod_revision = listing.header.revision;
        let listed: BTreeSet<Key> = listing.entries.iter().map(|entry| entry.key.clone()).collect();
        let gone = self.versions.keys().filter(|key| !listed.contains(*key) && !later.contains(*key));
        let deletes = gone.map(|key| KvUpdate::Delete { key: key.clone(), mod_revision });
        let entries = listing.entries.into_iter();
        let puts = entries.filter(|entry| !later.contains(&entry.key) && !self.has(entry)).map(KvUpdate::Put);
        puts.chain(deletes).collect()
    }

    /// Takes note that these were delivered.
    pub(super) fn note(&mut self, updates: &[KvUpdate]) {
        for update in updates {
            match update {
                KvUpdate::Put(entry) => self.versions.insert(entry.key.clone(), self.version(entry)),
                KvUpdate::Delete { key, .. } => self.versions.remove(key),
            };
        }
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.versions.len()
    }

    fn has(&self, entry: &KvEntry) -> bool {
        self.versions.get(&entry.key) == Some(&self.version(entry))
    }

    fn version(&self, entry: &KvEntry) -> Version {
        Version { revision: entry.mod_revision, fingerprint: self.hasher.hash_one(&entry.value) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::Header;

    fn entry(key: &str, value: &str, revision: u64) -> KvEntry {
        KvEntry { key: key.into(), value: value.to_owned().into(), mod_revision: Revision::new(revision) }
    }

    fn listing(revision: u64, entries: &[(&str, &str, u64)]) -> Listing {
        let entries = entries.iter().map(|&(key, value, revision)| entry(key, value, revision)).collect();
        Listing { header: Header { cluster_id: 1, revision: Revision::new(revision) }, entries }
    }

    fn put(key: &str, value: &str, revision: u64) -> KvUpdate {
        KvUpdate::Put(entry(key, value, revision))
    }

    fn delete(key: &str, revision: u64) -> KvUpdate {
        KvUpdate::Delete { key: key.into(), mod_revision: Revision::new(revision) }
    }

    fn nothing_later() -> BTreeSet<Key> {
        BTreeSet::new()
    }

    fn holding(updates: &[KvUpdate]) -> Delivered {
        let mut delivered = Delivered::default();
        delivered.note(updates);
        delivered
    }

    #[test]
    fn before_anything_was_delivered_everything_is_new() {
        let listing = listing(9, &[("a", "1", 2), ("b", "2", 7)]);
        let difference = Delivered::default().difference(listing, &nothing_later());
        assert_eq!(difference, [put("a", "1", 2), put("b", "2", 7)], "each with a revision of its own");
    }

    #[test]
    fn the_difference_is_exact() {
        let delivered = holding(&[put("a", "1", 2), put("b", "1", 3), put("c", "1", 4)]);
        let listing = listing(9, &[("a", "1", 2), ("c", "2", 8), ("d", "1", 9)]);
        let difference = delivered.difference(listing, &nothing_later());
        assert_eq!(difference, [put("c", "2", 8), put("d", "1", 9), delete("b", 9)]);
    }

    #[test]
    fn the_same_revision_of_another_incarnation_is_told_by_the_value() {
        let delivered = holding(&[put("a", "old", 2), put("b", "same", 3)]);
        let difference =
            delivered.difference(listing(3, &[("a", "new", 2), ("b", "same", 3)]), &nothing_later());
        assert_eq!(difference, [put("a", "new", 2)]);
    }

    #[test]
    fn a_list_says_nothing_about_what_changed_after_it() {
        let delivered = holding(&[put("a", "newer", 12), put("b", "1", 3)]);
        let later = BTreeSet::from(["a".into(), "c".into()]);
        let difference = delivered.difference(listing(9, &[("a", "old", 2), ("c", "1", 4)]), &later);
        assert_eq!(difference, [delete("b", 9)]);
    }

    #[test]
    fn what_was_delivered_makes_no_difference_any_more() {
        let mut delivered = holding(&[put("a", "1", 2), put("b", "1", 3)]);
        let now = listing(9, &[("b", "2", 8)]);
        let difference = delivered.difference(now.clone(), &nothing_later());
        delivered.note(&difference);
        assert_eq!((delivered.len(), delivered.difference(now, &nothing_later())), (1, Vec::new()));
    }
}
