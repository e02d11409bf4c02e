//! What changes from one document to the next, directive by directive.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use aldis_core::{Directive, StrList, Target};
use serde::Serialize;

/// What changes, by ids. Order and spelling of a document do not count, except that the order of the new one orders
/// what is listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Directives that come.
    pub added: Vec<String>,
    /// Directives that go.
    pub removed: Vec<String>,
    /// Directives that stay and mean something else.
    pub changed: Vec<Change>,
}

/// A directive that means something else than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its id.
    pub id: String,
    /// Which of its parts: `level`, `not_before`, `expires_at`, `target`, `sampling`, `ring_buffer`, `capture`,
    /// `suppress`. Not their values, which may be tenants' names.
    pub fields: Vec<&'static str>,
}

impl Difference {
    /// From `before` to `after`.
    #[must_use]
    pub fn between(before: &[Directive<'_>], after: &[Directive<'_>]) -> Self {
        let mut gone: BTreeMap<&str, &Directive<'_>> =
            before.iter().map(|directive| (directive.id.as_ref(), directive)).collect();
        let mut difference = Self::default();
        for directive in after {
            match gone.remove(directive.id.as_ref()) {
                None => difference.added.push(directive.id.to_string()),
                Some(old) => match fields(old, directive) {
                    fields if fields.is_empty() => {}
                    fields => difference.changed.push(Change { id: directive.id.to_string(), fields }),
                },
            }
        }
        difference.removed = gone.into_keys().map(str::to_owned).collect();
        difference
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }

    /// The ids of directives that are new or mean something else.
    #[must_use]
    pub fn touched(&self) -> BTreeSet<&str> {
        let changed = self.changed.iter().map(|change| &change.id);
        self.added.iter().chain(changed).map(String::as_str).collect()
    }
}

fn fields(old: &Directive<'_>, new: &Directive<'_>) -> Vec<&'static str> {
    let parts = [
        ("level", old.level == new.level),
        ("not_before", old.not_before == new.not_before),
        ("expires_at", old.expires_at == new.expires_at),
        ("target", is_same_target(&old.target, &new.target)),
        ("sampling", old.sampling == new.sampling),
        ("ring_buffer", old.ring_buffer == new.ring_buffer),
        ("capture", old.capture == new.capture),
        ("suppress", old.suppress == new.suppress),
    ];
    parts.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
}

/// Whether both meet the same requests: what they list may stand in any order, and twice.
fn is_same_target(old: &Target<'_>, new: &Target<'_>) -> bool {
    let meets_same = |old: &StrList<'_>, new: &StrList<'_>| is_same_set(old.as_slice(), new.as_slice());
    old == new
        || meets_same(&old.tenants, &new.tenants)
            && meets_same(&old.indices, &new.indices)
            && meets_same(&old.principals, &new.principals)
            && old.endpoints == new.endpoints
            && is_same_set(&old.labels, &new.labels)
}

/// Without sorting: lists are short, and seldom differ.
fn is_same_set<T: PartialEq>(old: &[T], new: &[T]) -> bool {
    let holds = |all: &[T], some: &[T]| some.iter().all(|one| all.contains(one));
    holds(old, new) && holds(new, old)
}

/// `{"added":[ids],"removed":[ids],"changed":[{"id","fields":[…]}]}`
#[derive(Debug, Serialize)]
pub struct JsonDifference<'a> {
    added: &'a [String],
    removed: &'a [String],
    changed: Vec<JsonChange<'a>>,
}

/// `{"id","fields":[…]}`
#[derive(Debug, Serialize)]
pub struct JsonChange<'a> {
    id: &'a str,
    fields: &'a [&'static str],
}

impl<'a> JsonDifference<'a> {
    /// This difference as JSON.
    #[must_use]
    pub fn of(difference: &'a Difference) -> Self {
        let changed = difference.changed.iter();
        Self {
            added: &difference.added,
            removed: &difference.removed,
            changed: changed.map(|change| JsonChange { id: &change.id, fields: &change.fields }).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec;

    use aldis_core::{UnixMillis, decode};

    use super::*;

    fn between(before: &str, after: &str) -> Difference {
        let [before, after] = [before, after].map(|target| {
            format!(r#"{{"directives":[{{"id":"a","level":"Shape","ttl_secs":9,{target}}}]}}"#)
        });
        let [before, after] =
            [&before, &after].map(|text| decode(text.as_bytes(), UnixMillis::new(0)).expect("is valid"));
        Difference::between(&before, &after)
    }

    #[test]
    fn the_order_and_the_repetition_of_targets_do_not_count() {
        for (one, other) in [
            (r#""tenants":["a","b"]"#, r#""tenants":["b","a"]"#),
            (r#""tenants":["a","b"]"#, r#""tenants":["b","a","b"]"#),
            (r#""tenant":"a""#, r#""tenants":["a","a"]"#),
            (r#""indices":["a","b"]"#, r#""indices":["b","a"]"#),
            (r#""principals":["a","b"]"#, r#""principals":["b","a"]"#),
            (r#""endpoints":["Search","Count"]"#, r#""endpoints":["Count","Search","Count"]"#),
            (r#""labels":{"a":"1","b":"2"}"#, r#""labels":{"b":"2","a":"1"}"#),
        ] {
            assert_eq!(between(one, other), Difference::default(), "{one} {other}");
            assert_eq!(between(other, one), Difference::default(), "{other} {one}");
        }
    }

    #[test]
    fn whom_a_target_meets_counts() {
        let changed = Change { id: "a".to_owned(), fields: vec!["target"] };
        let changed = Difference { changed: vec![changed], ..Difference::default() };
        for (one, other) in [
            (r#""tenants":["a","b"]"#, r#""tenants":["a","c"]"#),
            (r#""tenants":["a","b"]"#, r#""tenants":["a","b","c"]"#),
            (r#""tenants":["a","b"]"#, r#""indices":["a","b"]"#),
            (r#""tenant":"a","index":"b""#, r#""tenant":"b","index":"a""#),
            (r#""tenant":"a","principal":"p""#, r#""tenant":"a""#),
            (r#""tenant":"a","endpoint":"Count""#, r#""tenant":"a","endpoint":"Search""#),
            (r#""labels":{"a":"1","b":"2"}"#, r#""labels":{"a":"2","b":"1"}"#),
        ] {
            assert_eq!(between(one, other), changed, "{one} {other}");
            assert_eq!(between(other, one), changed, "{other} {one}");
        }
    }
}
