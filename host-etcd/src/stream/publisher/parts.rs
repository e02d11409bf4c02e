//! From a burst to transactions that fit.

use std::collections::BTreeSet;

use super::EtcdEntry;
use crate::kv::{Key, KvChange, KvError, MAX_TRANSACTION_OPERATIONS, REQUEST_OVERHEAD_BYTES, room_of_key};

/// The entries in their order, of each key only the last: etcd takes a key once in a transaction.
pub(super) fn last_of_each_key(burst: impl IntoIterator<Item = EtcdEntry>) -> Vec<EtcdEntry> {
    let mut entries: Vec<_> = burst.into_iter().collect();
    let mut seen = BTreeSet::new();
    entries.reverse();
    entries.retain(|entry| seen.insert(entry.key.clone()));
    entries.reverse();
    entries
}

/// The keys in their order, each once.
pub(super) fn each_once(keys: impl IntoIterator<Item = Key>) -> Vec<Key> {
    let mut seen = BTreeSet::new();
    keys.into_iter().filter(|key| seen.insert(key.clone())).collect()
}

/// How much fits into one transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    max_bytes: usize,
}

impl Sizes {
    pub(super) fn new(max_request_bytes: usize) -> Self {
        Self { max_bytes: max_request_bytes.saturating_sub(REQUEST_OVERHEAD_BYTES) }
    }

    /// How many entries go into each transaction, in their order; an error if one does not fit on its own.
    pub(super) fn parts(&self, entries: &[EtcdEntry]) -> Result<Vec<usize>, KvError> {
        let too_large = |entry: &&EtcdEntry| room_of(entry) > self.max_bytes;
        if let Some(entry) = entries.iter().find(too_large) {
            let limit = self.max_bytes.saturating_sub(room_of_key(&entry.key));
            return Err(KvError::TooLarge { bytes: entry.value.len(), limit });
        }
        Ok(self.lengths(entries.iter().map(room_of)))
    }

    /// Deletions, cut into transactions.
    pub(super) fn parts_of_deletes<'a>(&self, deletes: &'a [KvChange]) -> Vec<&'a [KvChange]> {
        let mut rest = deletes;
        let lengths = self.lengths(deletes.iter().map(|delete| room_of_key(delete.key())));
        let cut = lengths.into_iter().map(|length| {
            let (part, later) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            rest = later;
            part
        });
        cut.collect()
    }

    fn lengths(&self, rooms: impl Iterator<Item = usize>) -> Vec<usize> {
        let mut lengths = Vec::new();
        let (mut length, mut bytes) = (0_usize, 0_usize);
        for room in rooms {
            let fits = length < MAX_TRANSACTION_OPERATIONS && bytes.saturating_add(room) <= self.max_bytes;
            if length > 0 && !fits {
                lengths.push(std::mem::take(&mut length));
                bytes = 0;
            }
            length = length.saturating_add(1);
            bytes = bytes.saturating_add(room);
        }
        lengths.extend((length > 0).then_some(length));
        lengths
    }
}

fn room_of(entry: &EtcdEntry) -> usize {
    room_of_key(&entry.key).saturating_add(entry.value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, value: &str) -> EtcdEntry {
        EtcdEntry::new(key, value)
    }

    #[test]
    fn of_a_key_that_is_named_twice_the_last_value_counts_at_its_place() {
        let burst = [entry("a", "1"), entry("b", "1"), entry("a", "2"), entry("c", "1"), entry("b", "2")];
        assert_eq!(last_of_each_key(burst), [entry("a", "2"), entry("c", "1"), entry("b", "2")]);
        assert_eq!(each_once(["a", "b", "a"].map(Key::from)), ["a", "b"].map(Key::from));
    }

    #[test]
    fn a_burst_is_cut_where_a_transaction_is_full() {
        let sizes = Sizes::new(1 << 20);
        let burst = |count: usize| -> Vec<_> { (0..count).map(|n| entry(&n.to_string(), "")).collect() };
        for (count, expected) in
            [(0, vec![]), (1, vec![1]), (128, vec![128]), (129, vec![128, 1]), (300, vec![128, 128, 44])]
        {
            assert_eq!(sizes.parts(&burst(count)), Ok(expected));
        }
    }

    #[test]
    fn it_is_cut_by_size_too_and_what_can_never_fit_is_refused_before_anything_is_sent() {
        let (key, value) = (Key::from("k"), "x".repeat(1_000));
        let one = room_of_key(&key) + value.len();
        let burst = vec![entry("k", &value); 5];
        assert_eq!(Sizes::new(REQUEST_OVERHEAD_BYTES + 2 * one).parts(&burst), Ok(vec![2, 2, 1]));
        assert_eq!(Sizes::new(REQUEST_OVERHEAD_BYTES + 2 * one - 1).parts(&burst), Ok(vec![1; 5]));
        let refused = Err(KvError::TooLarge { bytes: 1_000, limit: 999 });
        assert_eq!(Sizes::new(REQUEST_OVERHEAD_BYTES + one - 1).parts(&burst), refused);
    }

    #[test]
    fn deletions_are_cut_likewise() {
        let deletes: Vec<_> = (0..300).map(|n| KvChange::delete(n.to_string().as_str())).collect();
        let lengths: Vec<_> =
            Sizes::new(1 << 20).parts_of_deletes(&deletes).iter().map(|p| p.len()).collect();
        assert_eq!(lengths, [128, 128, 44]);
    }
}
