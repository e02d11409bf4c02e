//! Whether a document is valid, and what about it may not be meant; with places.

use aldis_answer::{Digest, JsonWarning, warnings};
use aldis_core::decode;
use serde::{Serialize, Serializer};
use wasm_bindgen::JsValue;

use crate::document::Document;
use crate::no::{No, Placed};
use crate::options::Options;
use crate::place::{self, Range};

/// `{"valid":true,"directives","digest","warnings"}` or `{"valid":false,"error"}`, as everywhere, and `range` with each
/// warning and error.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Checked {
    Valid { valid: bool, directives: usize, digest: String, warnings: Warnings },
    Invalid { valid: bool, error: Placed },
}

/// The warnings of a document, and where its directives stand.
pub(crate) struct Warnings {
    warnings: Vec<aldis_answer::Warning>,
    places: Vec<Range>,
}

#[derive(Serialize)]
struct PlacedWarning<'w> {
    #[serde(flatten)]
    warning: JsonWarning<'w>,
    range: Range,
}

impl Serialize for Warnings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let placed = self.warnings.iter().zip(JsonWarning::all(&self.warnings));
        serializer.collect_seq(placed.map(|(at, warning)| {
            let range = self.places.get(at.index).copied().unwrap_or_default();
            PlacedWarning { warning, range }
        }))
    }
}

pub(crate) fn check(document: &JsValue, options: &JsValue) -> Result<Checked, No> {
    let options = Options::read(options)?;
    let document = Document::read(document)?;
    let body = document.bytes();
    let directives = match decode(body, options.anchor) {
        Ok(directives) => directives,
        Err(error) => return Ok(Checked::Invalid { valid: false, error: Placed::of(error, body) }),
    };
    let warnings = warnings(&directives, options.now);
    let places = if warnings.is_empty() { Vec::new() } else { place::directives(body) };
    Ok(Checked::Valid {
        valid: true,
        directives: directives.len(),
        digest: Digest::of([(options.key.as_bytes(), body)]).to_string(),
        warnings: Warnings { warnings, places },
    })
}

/// What changes from one document to another, ready to be written down.
pub(crate) struct Difference(aldis_answer::Difference);

impl Serialize for Difference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        aldis_answer::JsonDifference::of(&self.0).serialize(serializer)
    }
}

pub(crate) fn difference(before: &JsValue, after: &JsValue, options: &JsValue) -> Result<Difference, No> {
    let options = Options::read(options)?;
    let (before, after) = (Document::read(before)?, Document::read(after)?);
    let (old, new) = (before.bytes(), after.bytes());
    let old = decode(old, options.anchor).map_err(|error| No::refused(error, old))?;
    let new = decode(new, options.anchor).map_err(|error| No::refused(error, new))?;
    Ok(Difference(aldis_answer::Difference::between(&old, &new)))
}
