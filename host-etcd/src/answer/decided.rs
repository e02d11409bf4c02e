//! A decision by what a store holds.

use aldis_answer::{Decided, Line};
use aldis_core::{Decision, Request, UnixMillis};

use crate::mirror::Snapshot;

/// A decision by this snapshot, whose revision means something or not.
pub(crate) fn decided(
    snapshot: &Snapshot,
    decision: Decision,
    has_revision: bool,
    explain: Option<Vec<Line>>,
) -> Decided {
    let revision = has_revision.then_some(snapshot.revision.as_u64());
    Decided::of(&snapshot.set, decision, Some(snapshot.digest), revision, explain)
}

/// A line for each directive, in document order.
pub(crate) fn lines(snapshot: &Snapshot, request: &Request<'_>, now: UnixMillis) -> Vec<Line> {
    aldis_answer::lines(&snapshot.set, request, now)
}
