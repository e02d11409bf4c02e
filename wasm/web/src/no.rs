//! An answer that is no.

use aldis_core::{DecodeError, ImageError};
use serde::Serialize;

use crate::place::Range;

/// `{"error":{…}}`
#[derive(Debug, Serialize)]
pub(crate) struct No {
    error: Cause,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Cause {
    Document(Placed),
    Other { reason: &'static str, message: String },
}

/// A document's error, with its place as editors count.
#[derive(Debug, Serialize)]
pub(crate) struct Placed {
    #[serde(flatten)]
    error: DecodeError,
    range: Range,
}

impl Placed {
    /// An error of this body.
    pub(crate) fn of(error: DecodeError, body: &[u8]) -> Self {
        Self { range: Range::of(body, error.span()), error }
    }
}

impl No {
    /// A document that is refused.
    pub(crate) fn refused(error: DecodeError, body: &[u8]) -> Self {
        Self { error: Cause::Document(Placed::of(error, body)) }
    }

    /// What was handed over is not what the function takes.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self { error: Cause::Other { reason: "bad_request", message: message.into() } }
    }
}

impl From<ImageError> for No {
    fn from(error: ImageError) -> Self {
        Self { error: Cause::Other { reason: "bad_image", message: error.to_string() } }
    }
}
