//! What every function takes beside its document.

use aldis_answer::Time;
use aldis_core::UnixMillis;
use serde::{Deserialize, Deserializer};
use wasm_bindgen::JsValue;

use crate::no::No;
use crate::value;

/// The key whose digest is meant where none is named: the one that is usual in etcd.
const DEFAULT_KEY: &str = "aldis/directives";

/// The options, with what is absent filled in.
pub(crate) struct Options {
    /// The point in time that is meant.
    pub(crate) now: UnixMillis,
    /// What `ttl_secs` counts from.
    pub(crate) anchor: UnixMillis,
    /// The key under which the document will lie.
    pub(crate) key: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    // `NaN` and an invalid date are written as null, and must not mean now.
    #[serde(default, deserialize_with = "given")]
    now: Option<When>,
    #[serde(default, deserialize_with = "given")]
    anchor: Option<When>,
    key: Option<String>,
}

fn given<'de, D: Deserializer<'de>>(json: D) -> Result<Option<When>, D::Error> {
    When::deserialize(json).map(Some)
}

/// A point in time as JavaScript writes one.
#[derive(Deserialize)]
#[serde(untagged)]
enum When {
    Time(Time),
    /// A number that is no `u64`.
    Other(f64),
}

impl When {
    fn read(&self) -> Option<UnixMillis> {
        /// The first number past the end of time.
        const BEYOND: f64 = 18_446_744_073_709_551_616.0;
        match self {
            Self::Time(time) => time.read(),
            Self::Other(number) => (*number >= BEYOND).then_some(UnixMillis::MAX),
        }
    }
}

impl Options {
    /// `{"now","anchor","key"}`, each of them optional; now is now, and the anchor is now, unless they are given.
    pub(crate) fn read(options: &JsValue) -> Result<Self, No> {
        let written = match options.is_undefined() || options.is_null() {
            true => Written::default(),
            false => value::read(options, "options")?,
        };
        let now = point(written.now.as_ref(), "now")?.unwrap_or_else(value::now);
        let anchor = point(written.anchor.as_ref(), "anchor")?.unwrap_or(now);
        Ok(Self { now, anchor, key: written.key.unwrap_or_else(|| DEFAULT_KEY.to_owned()) })
    }
}

/// A point in time by itself; now if there is none.
pub(crate) fn now(time: &JsValue) -> Result<UnixMillis, No> {
    match time.is_undefined() {
        true => Ok(value::now()),
        false => point(Some(&value::read(time, "now")?), "now").map(|now| now.unwrap_or_else(value::now)),
    }
}

fn point(time: Option<&When>, name: &str) -> Result<Option<UnixMillis>, No> {
    let read = |time: &When| {
        time.read().ok_or_else(|| {
            No::bad_request(format!("{name} is RFC 3339 with offset, or milliseconds since 1970"))
        })
    };
    time.map(read).transpose()
}
