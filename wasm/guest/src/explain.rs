//! Words out of the guest: JSON, written by serde so that every string is escaped.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use aldis_abi::EXPLAIN_LINES;
use aldis_core::{DirectiveSet, ImageError, Outcome, RequestFacts, UnixMillis};
use serde::Serialize;

/// `{"id":"acme","applies":true}` or `{"id":"acme","applies":false,"why":"expired 12 s ago"}`.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    applies: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// The fields that refusals of images and of documents share.
#[derive(Serialize)]
struct ImageRefusal {
    reason: &'static str,
    message: String,
}

/// Appends a line for each directive from `first` on, up to [`EXPLAIN_LINES`].
pub(crate) fn write_lines(
    set: &DirectiveSet,
    request: &impl RequestFacts,
    now: UnixMillis,
    first: usize,
    output: &mut Vec<u8>,
) {
    for explanation in set.explain_facts(request, now).skip(first).take(EXPLAIN_LINES) {
        let why = match &explanation.outcome {
            Outcome::Applies => None,
            Outcome::Not(why) => Some(why.to_string()),
        };
        let line = Line { id: explanation.id, applies: why.is_none(), why };
        output.extend_from_slice(json(&line).as_bytes());
        output.push(b'\n');
    }
}

/// Why an image is refused, as one JSON object.
pub(crate) fn image_refusal(error: &ImageError) -> String {
    json(&ImageRefusal { reason: "bad_image", message: error.to_string() })
}

/// One JSON object. Serializing strings, numbers and flags into memory cannot fail.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
