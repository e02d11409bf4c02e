//! Why a configuration is refused.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use aldis_core::DecodeError;

/// What is wrong with a configuration, in one line that names the place and never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(String);

impl ConfigError {
    pub(super) fn new(place: &str, what: &str) -> Self {
        Self(format!("{place}: {what}"))
    }

    pub(super) fn json(error: &serde_json::Error) -> Self {
        let told = error.to_string();
        Self(without_value(&told).unwrap_or(told))
    }

    pub(super) fn document(error: &DecodeError) -> Self {
        Self(format!("document: {error}"))
    }

    pub(super) fn relative(place: usize) -> Self {
        Self(format!(
            "document: directives[{place}]: give `expires_at`; `ttl_secs` would start anew with each VM"
        ))
    }
}

/// `serde_json` quotes what it found: `invalid type: string "x", expected a boolean`. What stays are kind, expectation and
/// place. The value may hold anything, and the expectation is one of ours: it is the last. `None`: no value is told.
fn without_value(told: &str) -> Option<String> {
    let (found, expected) = told.strip_prefix("invalid ")?.rsplit_once(", expected ")?;
    let (kind, _) = found.split_once(['"', '`'])?;
    Some(format!("invalid {}, expected {expected}", kind.trim_end()))
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for ConfigError {}
