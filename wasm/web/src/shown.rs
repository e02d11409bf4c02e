//! One directive, for people.

use aldis_answer::Reach;
use aldis_core::{Directive, UnixMillis};
use serde::Serialize;

use crate::place::Range;

/// `{"id","level","reach","effect","not_before","expires_at","sample_per_mille","sample_by","suppress","range"}`
#[derive(Serialize)]
pub(crate) struct Shown {
    id: String,
    level: &'static str,
    /// `every Search of tenant acme, one request in four, until 14:05 UTC, in 23 min`
    reach: String,
    /// `records ShapeTiming, captures`
    effect: String,
    /// Milliseconds since 1970; null: from the beginning of time.
    not_before: Option<u64>,
    expires_at: u64,
    sample_per_mille: u16,
    sample_by: &'static str,
    suppress: bool,
    /// Where it stands; null for an image.
    range: Option<Range>,
}

impl Shown {
    pub(crate) fn of(directive: &Directive<'_>, range: Option<Range>, now: UnixMillis) -> Self {
        let reach = Reach { directive, now };
        Self {
            id: directive.id.to_string(),
            level: directive.level.as_str(),
            reach: reach.to_string(),
            effect: reach.effect(),
            not_before: directive.not_before.map(UnixMillis::as_u64),
            expires_at: directive.expires_at.as_u64(),
            sample_per_mille: directive.sampling.per_mille,
            sample_by: directive.sampling.by.as_str(),
            suppress: directive.suppress,
            range,
        }
    }
}
