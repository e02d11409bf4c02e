//! A decision, with what it came from.

use std::fmt;
use std::sync::Arc;

use aldis_core::{Decision, DiagLevel};
use http::Extensions;

use crate::kv::Revision;
use crate::mirror::{Digest, Snapshot};

/// What was decided about a request, by which directive, of which revision.
///
/// It holds on to the snapshot that it came from, so that the id stays readable whatever is published meanwhile. Cloning it
/// counts a reference.
#[derive(Clone, Debug)]
pub struct Decided {
    decision: Decision,
    snapshot: Option<Arc<Snapshot>>,
}

impl Decided {
    /// Nothing is to be recorded. A request that no layer saw is off, too.
    pub const OFF: Self = Self { decision: Decision::OFF, snapshot: None };

    pub(super) const fn new(decision: Decision, snapshot: Arc<Snapshot>) -> Self {
        Self { decision, snapshot: Some(snapshot) }
    }

    /// What was decided about the request with these extensions.
    #[must_use]
    pub fn of(extensions: &Extensions) -> &Self {
        extensions.get().unwrap_or(const { &Self::OFF })
    }

    /// The decision itself.
    pub const fn decision(&self) -> Decision {
        self.decision
    }

    /// How much detail.
    #[must_use]
    pub const fn level(&self) -> DiagLevel {
        self.decision.level
    }

    /// Whether the exchange is to be kept in this instance's ring buffer.
    #[must_use]
    pub const fn ring_buffer(&self) -> bool {
        self.decision.ring_buffer
    }

    /// Whether the exchange is to be sent to the fleet's capture sink.
    #[must_use]
    pub const fn capture(&self) -> bool {
        self.decision.capture
    }

    /// The id of the directive that decided.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.snapshot.as_ref()?.set.id(self.decision.decided_by?)
    }

    /// The revision of the set that decided.
    #[must_use]
    pub fn revision(&self) -> Option<Revision> {
        self.snapshot.as_ref().map(|snapshot| snapshot.revision)
    }

    /// The digest of the set that decided.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.snapshot.as_ref().map(|snapshot| snapshot.digest)
    }

    /// `revision:digest:id`, by which a log line can be traced to the directive that asked for it; the digest by its first
    /// twelve digits. `-` while the request is off.
    #[must_use]
    pub fn stamp(&self) -> impl fmt::Display + '_ {
        Stamp(self)
    }
}

struct Stamp<'d>(&'d Decided);

impl fmt::Display for Stamp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.snapshot {
            Some(snapshot) => {
                let id = self.0.id().unwrap_or("-");
                let [a, b, c, d, e, g, ..] = snapshot.digest.as_bytes();
                write!(f, "{}:{a:02x}{b:02x}{c:02x}{d:02x}{e:02x}{g:02x}:{id}", snapshot.revision)
            }
            None => f.write_str("-"),
        }
    }
}
