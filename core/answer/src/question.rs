//! The facts of a request, and points in time, as they are written in JSON.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use aldis_core::{EndpointKind, Request, UnixMillis};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// `{"tenant","index","principal","endpoint","request_id","trace_id","labels":{…}}`, all of them optional.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    tenant: Option<String>,
    index: Option<String>,
    principal: Option<String>,
    endpoint: Option<String>,
    request_id: Option<String>,
    trace_id: Option<String>,
    #[serde(default)]
    labels: Labels,
}

/// An endpoint that there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown endpoint `{}`", .0.escape_debug())]
pub struct UnknownEndpoint(pub String);

impl Facts {
    /// Calls with the facts borrowed, as the core wants them.
    ///
    /// # Errors
    ///
    /// If the endpoint is none of the twelve.
    pub fn with<T>(&self, ask: impl FnOnce(&Request<'_>) -> T) -> Result<T, UnknownEndpoint> {
        let labels: Vec<_> =
            self.labels.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let endpoint =
            |name: &String| EndpointKind::from_name(name).ok_or_else(|| UnknownEndpoint(name.clone()));
        Ok(ask(&Request {
            tenant: self.tenant.as_deref(),
            index: self.index.as_deref(),
            principal: self.principal.as_deref(),
            endpoint: self.endpoint.as_ref().map(endpoint).transpose()?,
            request_id: self.request_id.as_deref(),
            trace_id: self.trace_id.as_deref(),
            labels: &labels,
        }))
    }
}

/// An object, or pairs where a name occurs twice; in their order, as the first of a name counts.
#[derive(Debug, Default)]
struct Labels(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Labels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings, or an array of pairs of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Labels, A::Error> {
        core::iter::from_fn(|| entries.next_entry().transpose()).collect::<Result<_, _>>().map(Labels)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Labels, A::Error> {
        core::iter::from_fn(|| pairs.next_element().transpose()).collect::<Result<_, _>>().map(Labels)
    }
}

/// Milliseconds since 1970, or RFC 3339.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Time {
    /// `1800000000000`
    Millis(u64),
    /// `"2027-01-15T08:00:00Z"`
    Text(String),
}

impl Time {
    /// The point that is meant; `None` if the text is none.
    #[must_use]
    pub fn read(&self) -> Option<UnixMillis> {
        match self {
            Self::Millis(millis) => Some(UnixMillis::new(*millis)),
            Self::Text(text) => UnixMillis::parse_rfc3339(text),
        }
    }
}
