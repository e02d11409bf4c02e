//! One decision, and why.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use aldis_core::{Decision, DirectiveSet, Outcome, Request, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// `{"level","ring_buffer","capture","decided_by","revision","digest"}`, and `explain` where it was asked for.
#[derive(Debug, Serialize)]
pub struct Decided {
    /// The name of the level.
    pub level: &'static str,
    /// Keep the exchange in the ring buffer.
    pub ring_buffer: bool,
    /// Send the exchange to the capture sink.
    pub capture: bool,
    /// The directive's id.
    pub decided_by: Option<String>,
    /// Null for a file.
    pub revision: Option<u64>,
    /// Of the documents that decide; null for an image, which does not say from which documents it was made.
    pub digest: Option<String>,
    /// A line for each directive, in document order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<Vec<Line>>,
}

impl Decided {
    /// A decision by this set.
    #[must_use]
    pub fn of(
        set: &DirectiveSet,
        decision: Decision,
        digest: Option<Digest>,
        revision: Option<u64>,
        explain: Option<Vec<Line>>,
    ) -> Self {
        Self {
            level: decision.level.as_str(),
            ring_buffer: decision.ring_buffer,
            capture: decision.capture,
            decided_by: decision.decided_by.and_then(|index| set.id(index)).map(str::to_owned),
            revision,
            digest: digest.map(|digest| digest.to_string()),
            explain,
        }
    }
}

/// What one directive has to do with the request: `{"id","applies":true}` or `{"id","applies":false,"why":"…"}`.
#[derive(Debug, Deserialize, Serialize)]
pub struct Line {
    id: String,
    applies: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// A line for each directive, in document order.
#[must_use]
pub fn lines(set: &DirectiveSet, request: &Request<'_>, now: UnixMillis) -> Vec<Line> {
    let explained = set.explain(request, now);
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
