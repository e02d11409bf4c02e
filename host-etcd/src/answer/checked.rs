//! Whether a document is valid, and what about it may not be meant.

use aldis_core::DecodeError;
use serde::Serialize;

use crate::mirror::Digest;
use crate::publish::Warning;

/// `{"valid":true,"directives":N,"digest":"…","warnings":[…]}` or `{"valid":false,"error":{…}}`, with the file's name
/// first if there are several.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Checked<'a> {
    Valid {
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<&'a str>,
        valid: bool,
        directives: usize,
        digest: String,
        warnings: Vec<JsonWarning<'a>>,
    },
    Invalid {
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<&'a str>,
        valid: bool,
        error: &'a DecodeError,
    },
}

impl<'a> Checked<'a> {
    pub(crate) fn valid(directives: usize, digest: Digest, warnings: &'a [Warning]) -> Self {
        let (digest, warnings) = (digest.to_string(), JsonWarning::all(warnings));
        Self::Valid { file: None, valid: true, directives, digest, warnings }
    }

    pub(crate) const fn invalid(error: &'a DecodeError) -> Self {
        Self::Invalid { file: None, valid: false, error }
    }

    /// The same about a file of this name.
    #[cfg(feature = "cli")]
    pub(crate) fn of_file(mut self, name: &'a str) -> Self {
        let (Self::Valid { file, .. } | Self::Invalid { file, .. }) = &mut self;
        *file = Some(name);
        self
    }
}

/// `{"warning","path","id","message"}`
#[derive(Serialize)]
pub(crate) struct JsonWarning<'a> {
    warning: &'static str,
    path: String,
    id: &'a str,
    message: String,
}

impl<'a> JsonWarning<'a> {
    pub(crate) fn all(warnings: &'a [Warning]) -> Vec<Self> {
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
