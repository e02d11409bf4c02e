//! A version of a key, and a good document: its bytes, and what they mean from when they were first seen.

use std::sync::Arc;
use std::time::Duration;

use aldis_core::{DecodeError, Directive, DirectiveSet, UnixMillis};

use super::Digest;
use crate::clock::Moment;
use crate::kv::{Bytes, Key, Revision};

/// Up to this lead, absolute points are taken as they are: lifetimes are counted in seconds.
pub(crate) const NEGLIGIBLE_LEAD: Duration = Duration::from_secs(1);

/// A value as one revision put it. In another incarnation of the cluster the same revision may mean another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// The revision that published it.
    pub(crate) revision: Revision,
    /// The bytes as they were published.
    pub(crate) value: Bytes,
    /// When this store, or the one before the restart, saw it first.
    pub(crate) first_seen: Moment,
    /// Of this one document, key and value. Made once: a megabyte takes as long to hash as a fifth of its reading.
    pub(super) digest: Digest,
}

impl Version {
    /// What this revision put under this key.
    pub(crate) fn new(key: &Key, revision: Revision, value: Bytes, first_seen: Moment) -> Self {
        let digest = Digest::of([(key.as_bytes(), &*value)]);
        Self { revision, value, first_seen, digest }
    }

    pub(super) fn is(&self, revision: Revision, value: &[u8]) -> bool {
        self.revision == revision && *self.value == *value
    }

    /// The same with no more lead than this.
    pub(super) fn with_lead_at_most(&self, lead: Duration) -> Self {
        let Moment { at, lead: had } = self.first_seen;
        Self { first_seen: Moment { at, lead: had.min(lead) }, ..self.clone() }
    }
}

/// A document that can be in force.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) version: Version,
    pub(super) set: Arc<DirectiveSet>,
    /// By the wall clock; the same one unless the store's was ahead.
    pub(super) told: Arc<DirectiveSet>,
}

impl Document {
    /// Reads a value. Relative lifetimes count from when it was first seen; absolute points are translated into the
    /// store's time, if that was ahead of the wall clock then (see [`clock`](crate::clock)).
    pub(super) fn decode(version: &Version) -> Result<Self, DecodeError> {
        let Moment { at, lead } = version.first_seen;
        let version = version.clone();
        if lead < NEGLIGIBLE_LEAD {
            let set = Arc::new(DirectiveSet::decode(&version.value, at)?);
            return Ok(Self { version, told: Arc::clone(&set), set });
        }
        let told = DirectiveSet::decode(&version.value, version.first_seen.wall())?;
        // A set of the same size always fits; should it not, the directives end early rather than late.
        let set = DirectiveSet::from_directives(told.iter().map(|directive| later(directive, lead)));
        Ok(Self { version, set: Arc::new(set.unwrap_or_else(|_| told.clone())), told: Arc::new(told) })
    }
}

/// The same directive, later by so much.
pub(crate) fn later(directive: Directive<'_>, by: Duration) -> Directive<'_> {
    Directive {
        not_before: directive.not_before.map(|point| add(point, by)),
        expires_at: add(directive.expires_at, by),
        ..directive
    }
}

fn add(point: UnixMillis, lead: Duration) -> UnixMillis {
    let lead = u64::try_from(lead.as_millis()).unwrap_or(u64::MAX);
    UnixMillis::new(point.as_u64().saturating_add(lead))
}
