//! The core for JavaScript: browsers, Node, and runtimes like them. `types.d.ts` says what each function takes and gives;
//! the shapes are those of the command and the relay.
//!
//! Nothing here throws at a document or a request, however broken: what is refused comes back as `{"error":{…}}`. What is
//! valid in the other engines is valid here, as it is their code.

#![allow(
    unsafe_code,
    reason = "wasm-bindgen writes the functions that JavaScript calls, and those are unsafe"
)]

use aldis_core::UnixMillis;
use aldis_core::limits::IMAGE_VERSION;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

mod checked;
mod document;
mod no;
mod options;
mod place;
mod set;
mod shown;
mod value;

use document::Document;
use no::No;
use options::Options;
use set::DirectiveSet;
use value::json;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("types.d.ts");

/// Whether a document is valid; if not, why and where; if so, what about it may not be meant.
#[wasm_bindgen(unchecked_return_type = "Checked | No")]
#[must_use]
pub fn check(
    #[wasm_bindgen(unchecked_param_type = "Document")] document: &JsValue,
    #[wasm_bindgen(unchecked_optional_param_type = "Options")] options: &JsValue,
) -> JsValue {
    value::answer(checked::check(document, options))
}

/// The set that a document means.
#[wasm_bindgen(unchecked_return_type = "DirectiveSet | Refused | No")]
#[must_use]
pub fn compile(
    #[wasm_bindgen(unchecked_param_type = "Document")] document: &JsValue,
    #[wasm_bindgen(unchecked_optional_param_type = "Options")] options: &JsValue,
) -> JsValue {
    match compiled(document, options) {
        Ok((set, _)) => set.into(),
        Err(no) => json(&no),
    }
}

/// The decision of a document on one request.
#[wasm_bindgen(unchecked_return_type = "Decided | Refused | No")]
#[must_use]
pub fn evaluate(
    #[wasm_bindgen(unchecked_param_type = "Document")] document: &JsValue,
    #[wasm_bindgen(unchecked_param_type = "Request")] request: &JsValue,
    #[wasm_bindgen(unchecked_optional_param_type = "Options")] options: &JsValue,
) -> JsValue {
    decide(document, request, options, false)
}

/// The same, with why or why not of each directive.
#[wasm_bindgen(unchecked_return_type = "Explained | Refused | No")]
#[must_use]
pub fn explain(
    #[wasm_bindgen(unchecked_param_type = "Document")] document: &JsValue,
    #[wasm_bindgen(unchecked_param_type = "Request")] request: &JsValue,
    #[wasm_bindgen(unchecked_optional_param_type = "Options")] options: &JsValue,
) -> JsValue {
    decide(document, request, options, true)
}

/// What changes from one document to another, directive by directive.
#[wasm_bindgen(unchecked_return_type = "Difference | Refused | No")]
#[must_use]
pub fn difference(
    #[wasm_bindgen(unchecked_param_type = "Document")] before: &JsValue,
    #[wasm_bindgen(unchecked_param_type = "Document")] after: &JsValue,
    #[wasm_bindgen(unchecked_optional_param_type = "Options")] options: &JsValue,
) -> JsValue {
    value::answer(checked::difference(before, after, options))
}

/// The JSON Schema of documents, draft 2020-12.
#[wasm_bindgen(unchecked_return_type = "object")]
#[must_use]
pub fn schema() -> JsValue {
    json(&aldis_answer::schema())
}

/// `{"aldis","image"}`: the version of this package, and of the images that it writes and reads.
#[wasm_bindgen(unchecked_return_type = "Versions")]
#[must_use]
pub fn versions() -> JsValue {
    #[derive(serde::Serialize)]
    struct Versions {
        aldis: &'static str,
        image: u16,
    }
    json(&Versions { aldis: env!("CARGO_PKG_VERSION"), image: IMAGE_VERSION })
}

fn decide(document: &JsValue, request: &JsValue, options: &JsValue, explain: bool) -> JsValue {
    match compiled(document, options) {
        Ok((set, now)) => set.decided(request, now, explain),
        Err(no) => json(&no),
    }
}

/// The set of a document, and the point in time that is meant.
fn compiled(document: &JsValue, options: &JsValue) -> Result<(DirectiveSet, UnixMillis), No> {
    let options = Options::read(options)?;
    let document = Document::read(document)?;
    Ok((DirectiveSet::compile(&document, &options)?, options.now))
}
