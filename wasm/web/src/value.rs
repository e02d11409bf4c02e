//! Values, between here and JavaScript.
//!
//! By JSON, which engines write and read faster than anything can be built field by field from outside.

use aldis_core::UnixMillis;
use js_sys::{Date, JSON};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;

use crate::no::No;

/// An answer, whether it is a yes or a no.
pub(crate) fn answer(answer: Result<impl Serialize, No>) -> JsValue {
    match answer {
        Ok(yes) => json(&yes),
        Err(no) => json(&no),
    }
}

/// An object of JavaScript.
pub(crate) fn json(object: &impl Serialize) -> JsValue {
    // Strings and numbers into memory, and JSON back: neither can fail.
    let text = serde_json::to_string(object).unwrap_or_default();
    JSON::parse(&text).unwrap_or(JsValue::NULL)
}

/// What an object says, as JSON would write it.
pub(crate) fn read<T: DeserializeOwned>(object: &JsValue, name: &str) -> Result<T, No> {
    let text = JSON::stringify(object).ok().and_then(|text| text.as_string());
    let text = text.ok_or_else(|| No::bad_request(format!("{name} cannot be written as JSON")))?;
    serde_json::from_str(&text).map_err(|error| No::bad_request(format!("{name}: {error}")))
}

/// The machine's clock.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole milliseconds; before 1970 it is 1970"
)]
pub(crate) fn now() -> UnixMillis {
    UnixMillis::new(Date::now() as u64)
}
