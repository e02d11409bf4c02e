//! Whether a document is valid, and what about it may not be meant.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use aldis_core::DecodeError;
use serde::Serialize;

use crate::digest::Digest;
use crate::warning::Warning;

/// `{"valid":true,"directives":N,"digest":"…","warnings":[…]}` or `{"valid":false,"error":{…}}`, with the file's name
/// first if there are several.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Checked<'a> {
    /// It may be published.
    Valid {
        /// The file's name.
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<&'a str>,
        /// True.
        valid: bool,
        /// How many directives.
        directives: usize,
        /// The digest that instances show once these bytes are published.
        digest: String,
        /// What may not be meant.
        warnings: Vec<JsonWarning<'a>>,
    },
    /// It may not.
    Invalid {
        /// The file's name.
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<&'a str>,
        /// False.
        valid: bool,
        /// Why, and where.
        error: &'a DecodeError,
    },
}

impl<'a> Checked<'a> {
    /// A document that is taken.
    #[must_use]
    pub fn valid(directives: usize, digest: Digest, warnings: &'a [Warning]) -> Self {
        let (digest, warnings) = (digest.to_string(), JsonWarning::all(warnings));
        Self::Valid { file: None, valid: true, directives, digest, warnings }
    }

    /// One that is refused.
    #[must_use]
    pub const fn invalid(error: &'a DecodeError) -> Self {
        Self::Invalid { file: None, valid: false, error }
    }

    /// The same about a file of this name.
    #[must_use]
    pub fn of_file(mut self, name: &'a str) -> Self {
        let (Self::Valid { file, .. } | Self::Invalid { file, .. }) = &mut self;
        *file = Some(name);
        self
    }
}

/// `{"warning","path","id","message"}`
#[derive(Debug, Serialize)]
pub struct JsonWarning<'a> {
    warning: &'static str,
    path: String,
    id: &'a str,
    message: String,
}

impl<'a> JsonWarning<'a> {
    /// Each of these warnings as JSON.
    #[must_use]
    pub fn all(warnings: &'a [Warning]) -> Vec<Self> {
        warnings.iter().map(Self::of).collect()
    }

    fn of(warning: &'a Warning) -> Self {
        Self {
            warning: warning.kind.as_str(),
            path: format!("directives[{}]", warning.index),
            id: &warning.id,
            message: warning.kind.to_string(),
        }
    }
}
