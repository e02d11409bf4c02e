//! A document as JavaScript has it.

use aldis_core::limits::MAX_BODY_BYTES;
use js_sys::{JsString, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::no::No;

/// The bytes of a document, at most one more than it may have: then it is refused for that, and the rest was not copied.
pub(crate) struct Document(Vec<u8>);

impl Document {
    /// From a string or a `Uint8Array`. Half a surrogate pair, which UTF-8 does not know, becomes U+FFFD, as it does
    /// wherever JavaScript writes text as bytes.
    pub(crate) fn read(value: &JsValue) -> Result<Self, No> {
        if let Some(text) = value.dyn_ref::<JsString>() {
            // A unit of UTF-16 is at least a byte of UTF-8.
            return Ok(Self(String::from(text.slice(0, LONGEST)).into_bytes()));
        }
        match value.dyn_ref::<Uint8Array>() {
            Some(bytes) => Ok(Self(bytes.subarray(0, LONGEST).to_vec())),
            None => Err(No::bad_request("a document is a string or a Uint8Array")),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// One byte more than a document may have.
#[allow(clippy::cast_possible_truncation, reason = "16 MiB fit")]
const LONGEST: u32 = MAX_BODY_BYTES as u32 + 1;
