//! What a request must keep to, checked before anything is sent: the same on every backend, so that what one takes the
//! others take.

use std::collections::BTreeSet;

use super::{Key, KvChange, KvCondition, KvError, Revision, VersionToken};

/// Conditions of one transaction, and its changes: what etcd takes unless it is configured otherwise
/// (`--max-txn-ops`).
pub const MAX_TRANSACTION_OPERATIONS: usize = 128;

/// Bytes that etcd's own framing of a request may need.
pub(crate) const REQUEST_OVERHEAD_BYTES: usize = 512;

/// The same for each key of it.
const KEY_OVERHEAD_BYTES: usize = 128;

/// How often a key may be sent: in its condition, in its change, and in the question for what is there instead.
const KEY_COPIES: usize = 3;

/// The conditions as keys and the revisions that they must be at (zero: absent), if the transaction may be sent.
pub(in crate::kv) fn check<'a>(
    conditions: &'a [KvCondition],
    changes: &[KvChange],
    max_request_bytes: usize,
) -> Result<Vec<(&'a Key, Revision)>, KvError> {
    let operations = conditions.len().max(changes.len());
    if operations > MAX_TRANSACTION_OPERATIONS {
        return Err(KvError::TooManyOperations { operations, limit: MAX_TRANSACTION_OPERATIONS });
    }
    let mut keys = BTreeSet::new();
    for change in changes {
        check_key(change.key())?;
        if !keys.insert(change.key()) {
            return Err(KvError::DuplicateKey { key: change.key().clone() });
        }
    }
    let mut expected = Vec::with_capacity(conditions.len());
    for condition in conditions {
        check_key(&condition.key)?;
        keys.insert(&condition.key);
        expected.push((&condition.key, revision(condition)?));
    }
    check_size(&keys, changes, max_request_bytes)?;
    Ok(expected)
}

/// etcd knows no empty key: to it, that is a key that was forgotten.
pub(in crate::kv) fn check_key(key: &Key) -> Result<(), KvError> {
    match key.as_bytes().is_empty() {
        true => Err(KvError::EmptyKey),
        false => Ok(()),
    }
}

fn revision(condition: &KvCondition) -> Result<Revision, KvError> {
    match &condition.version {
        None => Ok(Revision::ZERO),
        Some(version) => VersionToken::revision(version)
            .ok_or_else(|| KvError::ForeignToken { key: condition.key.clone() }),
    }
}

/// The values may take what keys and framing leave. A put and an update of one key have the same limit.
fn check_size(keys: &BTreeSet<&Key>, changes: &[KvChange], max_request_bytes: usize) -> Result<(), KvError> {
    let around = REQUEST_OVERHEAD_BYTES + keys.iter().map(|key| room_of_key(key)).sum::<usize>();
    let bytes = changes.iter().map(|change| match change {
        KvChange::Put { value, .. } => value.len(),
        KvChange::Delete(_) => 0,
    });
    let (bytes, limit) = (bytes.sum(), max_request_bytes.saturating_sub(around));
    match bytes > limit || around > max_request_bytes {
        true => Err(KvError::TooLarge { bytes, limit }),
        false => Ok(()),
    }
}

/// Bytes of a request that a key may need beside its value.
pub(crate) fn room_of_key(key: &Key) -> usize {
    key.as_bytes().len() * KEY_COPIES + KEY_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_BYTES: usize = 10_000;

    fn refusal(conditions: &[KvCondition], changes: &[KvChange]) -> Option<KvError> {
        check(conditions, changes, MAX_BYTES).err()
    }

    #[test]
    fn conditions_name_revisions_and_absence_is_zero() {
        let conditions = [KvCondition::at("a", Revision::new(7).into()), KvCondition::absent("b")];
        let (a, b) = (Key::from("a"), Key::from("b"));
        let expected = vec![(&a, Revision::new(7)), (&b, Revision::ZERO)];
        assert_eq!(check(&conditions, &[], MAX_BYTES), Ok(expected));
    }

    #[test]
    fn tokens_of_other_backends_are_refused_by_their_key() {
        for foreign in [&b""[..], b"1234567", b"123456789", b"versionstm"] {
            let version = VersionToken::from_bytes(foreign).expect("fits");
            let refused = KvError::ForeignToken { key: "a".into() };
            assert_eq!(refusal(&[KvCondition::at("a", version)], &[]), Some(refused));
        }
    }

    #[test]
    fn each_bound_holds_at_the_limit_and_not_one_past_it() {
        let puts = |count: usize| -> Vec<_> {
            (0..count).map(|n| KvChange::put(format!("{n:03}").as_str(), "")).collect()
        };
        let absent = |count: usize| vec![KvCondition::absent("a"); count];
        let too_many = Some(KvError::TooManyOperations { operations: 129, limit: 128 });
        let check =
            |conditions: &[KvCondition], changes: &[KvChange]| check(conditions, changes, 1 << 20).err();
        assert_eq!(check(&absent(128), &puts(128)), None);
        assert_eq!(check(&absent(129), &[]), too_many);
        assert_eq!(check(&[], &puts(129)), too_many);
    }

    #[test]
    fn a_put_and_an_update_take_the_same_size() {
        let limit = MAX_BYTES - REQUEST_OVERHEAD_BYTES - KEY_OVERHEAD_BYTES - 3;
        let put = |bytes: usize| [KvChange::put("k", vec![0; bytes])];
        for conditions in [vec![], vec![KvCondition::absent("k")]] {
            assert_eq!(refusal(&conditions, &put(limit)), None);
            let refused = KvError::TooLarge { bytes: limit + 1, limit };
            assert_eq!(refusal(&conditions, &put(limit + 1)), Some(refused));
        }
        let several = [KvChange::put("k", vec![0; 5_000]), KvChange::put("l", vec![0; 5_000])];
        assert!(matches!(refusal(&[], &several), Some(KvError::TooLarge { bytes: 10_000, .. })));
        let long = KvChange::delete(vec![b'k'; MAX_BYTES]);
        assert!(matches!(refusal(&[], &[long]), Some(KvError::TooLarge { bytes: 0, limit: 0 })));
    }

    #[test]
    fn a_key_is_changed_once_and_never_empty() {
        let twice = [KvChange::put("a", "1"), KvChange::delete("a")];
        assert_eq!(refusal(&[], &twice), Some(KvError::DuplicateKey { key: "a".into() }));
        assert_eq!(refusal(&[], &[KvChange::delete("")]), Some(KvError::EmptyKey));
        assert_eq!(refusal(&[KvCondition::absent("")], &[]), Some(KvError::EmptyKey));
    }
}
