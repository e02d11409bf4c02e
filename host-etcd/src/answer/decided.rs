//! One decision, and why.

use std::fmt;

use aldis_core::{Decision, Outcome, Request, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::mirror::Snapshot;

/// `{"level","ring_buffer","capture","decided_by","revision","digest"}`, and `explain` where it was asked for.
#[derive(Serialize)]
pub(crate) struct Decided {
    pub(crate) level: &'static str,
    pub(crate) ring_buffer: bool,
    pub(crate) capture: bool,
    /// The directive's id.
    pub(crate) decided_by: Option<String>,
    /// Null for a file.
    pub(crate) revision: Option<u64>,
    pub(crate) digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) explain: Option<Vec<Line>>,
}

impl Decided {
    /// A decision by this snapshot, whose revision means something or not.
    pub(crate) fn of(
        snapshot: &Snapshot,
        decision: Decision,
        has_revision: bool,
        explain: Option<Vec<Line>>,
    ) -> Self {
        Self {
            level: decision.level.as_str(),
            ring_buffer: decision.ring_buffer,
            capture: decision.capture,
            decided_by: decision.decided_by.and_then(|index| snapshot.set.id(index)).map(str::to_owned),
            revision: has_revision.then_some(snapshot.revision.as_u64()),
            digest: snapshot.digest.to_string(),
            explain,
        }
    }
}

/// What one directive has to do with the request: `{"id","applies":true}` or `{"id","applies":false,"why":"…"}`.
#[derive(Deserialize, Serialize)]
pub(crate) struct Line {
    id: String,
    applies: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// A line for each directive, in document order.
pub(crate) fn lines(snapshot: &Snapshot, request: &Request<'_>, now: UnixMillis) -> Vec<Line> {
    let explained = snapshot.set.explain(request, now);
    let line = |id: &str, why: Option<String>| Line { id: id.to_owned(), applies: why.is_none(), why };
    explained
        .map(|explanation| match explanation.outcome {
            Outcome::Applies => line(explanation.id, None),
            Outcome::Not(why) => line(explanation.id, Some(why.to_string())),
        })
        .collect()
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            None => write!(f, "`{}` applies", self.id.escape_debug()),
            Some(why) => write!(f, "`{}` does not apply: {why}", self.id.escape_debug()),
        }
    }
}
