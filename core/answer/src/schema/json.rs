//! JSON whose objects keep the order in which they were written, for people read what is generated as well.

use alloc::vec::Vec;

use serde::Serialize;
use serde::ser::Serializer;

/// A JSON value.
#[derive(Clone, Debug)]
pub enum Json {
    /// A string.
    Text(&'static str),
    /// A number.
    Number(u64),
    /// A boolean.
    Flag(bool),
    /// An array.
    List(Vec<Json>),
    /// An object, in the order of its entries.
    Object(Vec<(&'static str, Json)>),
}

/// An object without entries.
pub(super) const fn object() -> Json {
    Json::Object(Vec::new())
}

impl Json {
    /// An object with one entry more, behind the others. Anything else is left as it is.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Self>) -> Self {
        if let Self::Object(entries) = &mut self {
            entries.push((name, value.into()));
        }
        self
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(entries) => {
                serializer.collect_map(entries.iter().map(|(name, value)| (name, value)))
            }
        }
    }
}

impl From<&'static str> for Json {
    fn from(text: &'static str) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Json {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u16> for Json {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<usize> for Json {
    fn from(number: usize) -> Self {
        Self::Number(u64::try_from(number).unwrap_or(u64::MAX))
    }
}

impl From<bool> for Json {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl FromIterator<&'static str> for Json {
    fn from_iter<I: IntoIterator<Item = &'static str>>(texts: I) -> Self {
        Self::List(texts.into_iter().map(Self::Text).collect())
    }
}

impl<const N: usize> From<[&'static str; N]> for Json {
    fn from(texts: [&'static str; N]) -> Self {
        texts.into_iter().collect()
    }
}

impl From<Vec<Json>> for Json {
    fn from(items: Vec<Json>) -> Self {
        Self::List(items)
    }
}
