//! What changes from one document to the next, directive by directive.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use aldis_core::Directive;
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
        ("target", old.target == new.target),
        ("sampling", old.sampling == new.sampling),
        ("ring_buffer", old.ring_buffer == new.ring_buffer),
        ("capture", old.capture == new.capture),
        ("suppress", old.suppress == new.suppress),
    ];
    parts.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
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
