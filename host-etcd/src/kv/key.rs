//! What is where: revisions, keys, scopes.

use std::fmt;
use std::sync::Arc;

/// A revision of the whole store. Zero is before the first; etcd starts at one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(u64);

impl Revision {
    /// Before any change.
    pub const ZERO: Self = Self(0);

    /// The revision of this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The revision after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A key: any bytes, compared bytewise. Shown as text, with bytes that are not text escaped.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<[u8]>);

impl Key {
    /// The bytes of the key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl From<Vec<u8>> for Key {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            chunk.valid().chars().try_for_each(|c| match c.is_control() {
                true => write!(f, "{}", c.escape_default()),
                false => write!(f, "{c}"),
            })?;
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Which keys are meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One key: its document is the whole set.
    Key(Key),
    /// Every key that starts with this prefix: their documents are merged in key order.
    Prefix(Key),
}

impl Scope {
    /// A prefix if the text ends with `/`, else one key.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.ends_with('/') {
            true => Self::Prefix(text.into()),
            false => Self::Key(text.into()),
        }
    }

    /// What kind of scope it is: `key` or `prefix`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Prefix(_) => "prefix",
        }
    }

    /// Whether `key` lies in this scope.
    #[must_use]
    pub fn contains(&self, key: &Key) -> bool {
        match self {
            Self::Key(only) => only == key,
            Self::Prefix(prefix) => key.as_bytes().starts_with(prefix.as_bytes()),
        }
    }
}
