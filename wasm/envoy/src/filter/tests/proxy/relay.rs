//! What passes between a worker and a relay.

use std::hash::{DefaultHasher, Hash, Hasher};

/// A request to a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) token: u32,
    pub(crate) cluster: String,
    pub(crate) timeout_ms: u32,
    pub(super) headers: Vec<(String, String)>,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What a relay answers.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// The digest is another one for each image, as it is for documents.
    pub(crate) fn image(revision: u64, image: &[u8]) -> Self {
        let mut digest = DefaultHasher::new();
        image.hash(&mut digest);
        let headers = vec![
            (":status", "200".to_owned()),
            ("etag", format!("\"{revision}\"")),
            ("aldis-revision", revision.to_string()),
            ("aldis-digest", format!("{:064x}", digest.finish())),
        ];
        Self { headers, body: image.to_vec() }
    }

    pub(crate) fn unchanged() -> Self {
        Self::status(304)
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { headers: vec![(":status", status.to_string())], body: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }
}
