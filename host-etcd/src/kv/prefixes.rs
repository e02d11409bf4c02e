//! The keys that a watch over several prefixes means.

use super::{Key, KvError};

/// Prefixes in order, at least one, none of which contains another: so no key lies under two of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kv) struct Prefixes(Vec<Key>);

impl Prefixes {
    pub(in crate::kv) fn new(prefixes: &[Key]) -> Result<Self, KvError> {
        let mut sorted = prefixes.to_vec();
        sorted.sort();
        let mut disjoint: Vec<Key> = Vec::with_capacity(sorted.len());
        for prefix in sorted {
            // In this order, what contains a prefix is the last that was kept.
            if !disjoint.last().is_some_and(|last| prefix.as_bytes().starts_with(last.as_bytes())) {
                disjoint.push(prefix);
            }
        }
        match disjoint.is_empty() {
            true => Err(KvError::NoPrefix),
            false => Ok(Self(disjoint)),
        }
    }

    pub(in crate::kv) fn as_slice(&self) -> &[Key] {
        &self.0
    }

    /// Whether `key` starts with one of them.
    pub(in crate::kv) fn contains(&self, key: &Key) -> bool {
        let behind = self.0.partition_point(|prefix| prefix <= key);
        let last = behind.checked_sub(1).and_then(|last| self.0.get(last));
        last.is_some_and(|prefix| key.as_bytes().starts_with(prefix.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(all: &[&[u8]]) -> Prefixes {
        let all: Vec<_> = all.iter().map(|prefix| Key::from(*prefix)).collect();
        Prefixes::new(&all).expect("not empty")
    }

    #[test]
    fn what_another_contains_is_left_out() {
        let kept = prefixes(&[b"b", b"a/", b"a/b/", b"b", b"ab", b"a/\xff"]);
        assert_eq!(kept, prefixes(&[b"a/", b"ab", b"b"]));
        assert_eq!(prefixes(&[b"a", b"", b"b"]).as_slice(), [Key::from("")]);
        assert_eq!(Prefixes::new(&[]), Err(KvError::NoPrefix));
    }

    #[test]
    fn a_key_is_found_as_a_search_through_all_of_them_finds_it() {
        let all: [&[u8]; 5] = [b"a/", b"ab", b"b\xff", b"b\xff\xff", b"\xff"];
        let some = prefixes(&all);
        for key in [
            &b"a"[..],
            b"a/",
            b"a/x",
            b"a0",
            b"ab",
            b"abc",
            b"b",
            b"b\xfe",
            b"b\xff",
            b"b\xff\x00",
            b"c",
            b"\xff\xff",
            b"",
        ] {
            let expected = all.iter().any(|prefix| key.starts_with(prefix));
            assert_eq!(some.contains(&Key::from(key)), expected, "{key:?}");
        }
    }
}
