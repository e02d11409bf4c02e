//! Publishing: hold a document to the rules, make its lifetimes absolute, compare and swap.
//!
//! What is written looks like this, one directive a line, so that two versions can be compared by eye:
//!
//! ```json
//! {"directives":[
//! {"id":"acme","level":"ShapeTiming","expires_at":"2026-11-20T14:05:00Z","tenant":"acme"},
//! {"id":"slow-search","level":"Shape","expires_at":"2026-11-20T15:00:00Z","endpoint":"Search","sample_per_mille":50}
//! ]}
//! ```
//!
//! Each directive is in the document form with `expires_at`; fields that say no more than their default are left out.
//! So every instance ends a directive at the same point, whenever it reads it. A fleet that still runs the reference
//! decoder does not know `expires_at`: for it a document is published as it stands ([`Lifetimes::AsWritten`]).

use aldis_core::{DecodeError, Directive, UnixMillis, decode};

use crate::kv::{
    Header, Key, KvChange, KvCondition, KvEntry, KvError, KvReader, KvTransact, KvWriter, Revision, Scope,
};

pub use aldis_answer::{Change, Difference, Warning, WarningKind, warnings};

/// What can be published to.
pub trait Writable: KvReader + KvWriter {}
impl<T: KvReader + KvWriter> Writable for T {}

/// Why there is no telling which document is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A name was given, and the scope is a single key.
    #[error("a name needs a scope that is a prefix, that is, one that ends with /")]
    NotAPrefix,
    /// No name was given, and the scope is a prefix.
    #[error("the scope is a prefix; say which document by its name")]
    NoName,
}

/// The key of a document: the scope's own, or under a prefix that of this name.
///
/// # Errors
///
/// If the scope and the name do not go together.
pub fn document_key(scope: &Scope, name: Option<&str>) -> Result<Key, KeyError> {
    match (scope, name) {
        (Scope::Key(key), None) => Ok(key.clone()),
        (Scope::Key(_), Some(_)) => Err(KeyError::NotAPrefix),
        (Scope::Prefix(_), None | Some("")) => Err(KeyError::NoName),
        (Scope::Prefix(prefix), Some(name)) => Ok([prefix.as_bytes(), name.as_bytes()].concat().into()),
    }
}

/// The document that turns everything off.
pub const EMPTY_DOCUMENT: &[u8] = br#"{"directives":[]}"#;

/// What becomes of `ttl_secs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetimes {
    /// Counted from now and written as `expires_at`.
    Absolute,
    /// The bytes are published as they stand, and each instance counts from when it first sees them. For fleets that
    /// run the reference decoder.
    AsWritten,
}

/// Whether a directive without any target may be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FleetWide {
    /// Refused: a target that was forgotten would mean everyone.
    Refused,
    /// Meant so.
    Meant,
}

/// A document that may be published.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    body: Vec<u8>,
    directives: Vec<Directive<'a>>,
    now: UnixMillis,
}

/// What publishing did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The revision of the key that is replaced; zero if there is none.
    pub replaces: Revision,
    /// What changes for the fleet; `None` if what is published now is malformed, and so cannot be compared.
    pub difference: Option<Difference>,
}

/// Why a document was not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// It breaks the rules of a document.
    #[error("the document is refused: {0}")]
    Refused(#[from] DecodeError),
    /// Directives without any target, and nobody said that is meant.
    #[error("no target, so every request of the fleet: {}; add a target, or say --fleet-wide", .0.join(", "))]
    FleetWide(Vec<String>),
    /// New or changed directives whose end has passed.
    #[error("already expired: {}; give another expires_at, or leave it out of the document", .0.join(", "))]
    Expired(Vec<String>),
    /// The backend did not do it.
    #[error(transparent)]
    Kv(#[from] KvError),
}

impl<'a> Draft<'a> {
    /// Holds a document to the rules of documents and of publishing. Lifetimes count from `now`.
    ///
    /// # Errors
    ///
    /// [`PublishError::Refused`] and [`PublishError::FleetWide`].
    pub fn new(
        document: &'a [u8],
        now: UnixMillis,
        lifetimes: Lifetimes,
        fleet_wide: FleetWide,
    ) -> Result<Self, PublishError> {
        let directives = decode(document, now)?;
        let untargeted: Vec<_> =
            ids(directives.iter().filter(|directive| directive.target.is_every_request()));
        if fleet_wide == FleetWide::Refused && !untargeted.is_empty() {
            return Err(PublishError::FleetWide(untargeted));
        }
        let body = match lifetimes {
            Lifetimes::Absolute => self::document(directives.iter().cloned()),
            Lifetimes::AsWritten => document.to_vec(),
        };
        Ok(Self { body, directives, now })
    }

    /// The bytes to be published.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The directives in it.
    #[must_use]
    pub fn directives(&self) -> &[Directive<'a>] {
        &self.directives
    }

    /// What an operator should know before publishing it.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        warnings(&self.directives, self.now)
    }

    /// What publishing it over `published` would do.
    ///
    /// # Errors
    ///
    /// [`PublishError::Expired`]. A directive that was published before and has expired meanwhile is no error: it
    /// should be possible to change one directive and leave the others alone.
    pub fn plan(&self, published: Option<&KvEntry>) -> Result<Plan, PublishError> {
        let replaces = published.map_or(Revision::ZERO, |entry| entry.mod_revision);
        let before = match published {
            Some(entry) => decode(&entry.value, self.now).ok(),
            None => Some(Vec::new()),
        };
        let difference = before.map(|before| Difference::between(&before, &self.directives));
        let expired = self.directives.iter().filter(|directive| directive.expires_at <= self.now);
        let touched = difference.as_ref().map(Difference::touched);
        let is_new = |id: &str| touched.as_ref().is_none_or(|touched| touched.contains(id));
        match ids(expired.filter(|directive| is_new(&directive.id))) {
            expired if expired.is_empty() => Ok(Plan { replaces, difference }),
            expired => Err(PublishError::Expired(expired)),
        }
    }
}

/// What publishing `draft` under `key` would do; to be shown, and then handed to [`commit`]. Reads the key.
///
/// # Errors
///
/// [`KvError::Conflict`] if `if_revision` is given and is not the key's (zero: if the key exists); the backend's; those
/// of [`Draft::plan`].
pub async fn plan(
    kv: &(impl KvReader + ?Sized),
    key: &Key,
    draft: &Draft<'_>,
    if_revision: Option<Revision>,
) -> Result<(Header, Plan), PublishError> {
    let (header, published) = kv.get(key).await?;
    let plan = draft.plan(published.as_ref())?;
    match if_revision {
        Some(expected) if expected != plan.replaces => {
            Err(KvError::Conflict { key: key.clone(), expected, actual: plan.replaces }.into())
        }
        _ => Ok((header, plan)),
    }
}

/// Publishes a body under `key`, if the key is at revision `replaces` (zero: if there is none). The new revision.
///
/// # Errors
///
/// [`KvError::Conflict`] if it is at another one; nothing is changed then.
pub async fn commit(
    kv: &(impl KvTransact + ?Sized),
    key: &Key,
    body: &[u8],
    replaces: Revision,
) -> Result<Revision, KvError> {
    let condition = KvCondition::at(key.clone(), replaces.into());
    let update = kv.transact(&[condition], &[KvChange::put(key.clone(), body)]).await;
    update.map_err(|error| error.during("update"))
}

/// The document that holds these directives, with every lifetime as an absolute end: one directive a line.
#[must_use]
pub fn document<'a>(directives: impl IntoIterator<Item = Directive<'a>>) -> Vec<u8> {
    let mut body = br#"{"directives":["#.to_vec();
    let mut is_empty = true;
    for directive in directives {
        body.extend_from_slice(if is_empty { b"\n" } else { b",\n" });
        is_empty = false;
        // Strings and numbers into memory: neither side of this can fail.
        body.extend_from_slice(&serde_json::to_vec(&directive).unwrap_or_default());
    }
    body.extend_from_slice(if is_empty { b"]}" } else { b"\n]}\n" });
    body
}

fn ids<'d>(directives: impl Iterator<Item = &'d Directive<'d>>) -> Vec<String> {
    directives.map(|directive| directive.id.to_string()).collect()
}

#[cfg(test)]
mod tests;
