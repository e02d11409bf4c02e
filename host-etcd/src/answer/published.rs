//! What publishing did, or would do.

use aldis_answer::{JsonDifference, JsonWarning};
use aldis_core::DecodeError;
use serde::Serialize;

use crate::kv::{Key, Revision};
use crate::publish::{Draft, Plan, Warning};

/// `{"published":true,"key","revision","replaced","directives","difference":{…},"warnings":[…]}`; in a dry run
/// `published` is false and `revision` null.
#[derive(Serialize)]
pub(crate) struct Published<'a> {
    published: bool,
    key: String,
    revision: Option<u64>,
    replaced: u64,
    directives: usize,
    /// Null if what was published is malformed.
    difference: Option<JsonDifference<'a>>,
    warnings: Vec<JsonWarning<'a>>,
}

impl<'a> Published<'a> {
    /// `revision` is `None` in a dry run.
    pub(crate) fn new(
        draft: &Draft<'_>,
        plan: &'a Plan,
        warnings: &'a [Warning],
        key: &Key,
        revision: Option<Revision>,
    ) -> Self {
        Self {
            published: revision.is_some(),
            key: key.to_string(),
            revision: revision.map(Revision::as_u64),
            replaced: plan.replaces.as_u64(),
            directives: draft.directives().len(),
            difference: plan.difference.as_ref().map(JsonDifference::of),
            warnings: JsonWarning::all(warnings),
        }
    }
}

/// `{"published":false,"error":{…}}`
#[derive(Serialize)]
pub(crate) struct Refused {
    published: bool,
    error: DecodeError,
}

impl Refused {
    pub(crate) const fn new(error: DecodeError) -> Self {
        Self { published: false, error }
    }
}
