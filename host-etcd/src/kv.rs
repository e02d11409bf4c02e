//! The key-value seam: what Aldis asks of the place where documents are published.
//!
//! Two backends implement it, etcd and the embedded [`memory`] one. Keys are bytes, as in etcd; revisions count the
//! changes of the whole store, as in etcd.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

pub mod etcd;
pub mod memory;

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

    /// Whether `key` lies in this scope.
    #[must_use]
    pub fn contains(&self, key: &Key) -> bool {
        match self {
            Self::Key(only) => only == key,
            Self::Prefix(prefix) => key.as_bytes().starts_with(prefix.as_bytes()),
        }
    }
}

/// Where an answer comes from and how far the store had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The cluster's id. A wiped cluster may come back under the same one.
    pub cluster_id: u64,
    /// The store's revision when it answered.
    pub revision: Revision,
}

/// One key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvEntry {
    /// The key.
    pub key: Key,
    /// The value.
    pub value: Arc<[u8]>,
    /// The revision that last changed the key.
    pub mod_revision: Revision,
}

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvEvent {
    /// The key was created or changed.
    Put(KvEntry),
    /// The key was deleted at this revision.
    Delete {
        /// The key.
        key: Key,
        /// The revision that deleted it.
        mod_revision: Revision,
    },
}

impl KvEvent {
    /// The key that changed.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Put(entry) => &entry.key,
            Self::Delete { key, .. } => key,
        }
    }

    /// The revision of the change.
    #[must_use]
    pub fn mod_revision(&self) -> Revision {
        match self {
            Self::Put(entry) => entry.mod_revision,
            Self::Delete { mod_revision, .. } => *mod_revision,
        }
    }
}

/// The whole scope at one revision, in key order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Cluster, and the revision at which every page of the list was read.
    pub header: Header,
    /// The entries in key order.
    pub entries: Vec<KvEntry>,
}

/// What a watch says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchMessage {
    /// The watch stands. Nothing is known yet about whether its start revision exists.
    Created(Header),
    /// Everything that one or more whole transactions changed in the scope; fragments are already merged. The header's
    /// revision is that of the last of them.
    Events(Header, Vec<KvEvent>),
    /// Everything up to the header's revision has been delivered.
    Progress(Header),
    /// The server ended the watch. The stream that carried it may stay open and silent.
    Canceled {
        /// Cluster and revision.
        header: Header,
        /// Set if the start revision is gone: the oldest that can still be watched.
        compacted: Option<Revision>,
        /// What the server says; often empty.
        reason: String,
    },
}

/// An open watch. Dropping it ends the watch on the server.
#[async_trait]
pub trait KvWatch: Send {
    /// The next message; `None` when the stream has ended. Dropping the future loses no message.
    async fn next(&mut self) -> Result<Option<WatchMessage>, KvError>;

    /// Asks the server for a [`WatchMessage::Progress`]. It may stay unanswered while the watch catches up with
    /// history; ask again.
    async fn request_progress(&mut self) -> Result<(), KvError>;
}

/// What a watch-and-cache client asks of a connection: list, then watch; and after a reconnect, how far the store is.
#[async_trait]
pub trait KvSource: Send + Sync {
    /// Asks how far the store has come: a linearizable read that carries no entries. A watch must not start beyond
    /// it; it would be silent for ever. A backend with nothing cheaper than a list need not provide it.
    async fn head(&self, scope: &Scope) -> Result<Header, KvError> {
        Ok(self.list(scope).await?.header)
    }

    /// Reads the whole scope at one revision, in pages where it is large.
    async fn list(&self, scope: &Scope) -> Result<Listing, KvError>;

    /// Watches the scope from `from` on, that revision included.
    async fn watch(&self, scope: &Scope, from: Revision) -> Result<Box<dyn KvWatch>, KvError>;
}

/// Opens connections, one endpoint at a time.
#[async_trait]
pub trait Connect: Send + Sync {
    /// The endpoints in the order in which they were configured; never empty.
    fn endpoints(&self) -> &[String];

    /// Connects to the endpoint at this index (modulo their number) within the connect timeout.
    async fn connect(&self, endpoint: usize) -> Result<Box<dyn KvSource>, KvError>;
}

/// Reads single keys.
#[async_trait]
pub trait KvReader: Send + Sync {
    /// The entry under `key` with the header of the answer; a linearizable read.
    async fn get(&self, key: &Key) -> Result<(Header, Option<KvEntry>), KvError>;
}

/// Changes single keys.
#[async_trait]
pub trait KvWriter: Send + Sync {
    /// Puts `value` whatever is there; the new revision.
    async fn put(&self, key: &Key, value: &[u8]) -> Result<Revision, KvError>;

    /// Puts `value` if the key's `mod_revision` is `expected` ([`Revision::ZERO`]: if the key does not exist);
    /// otherwise [`KvError::Conflict`] and nothing is changed.
    async fn update(&self, key: &Key, value: &[u8], expected: Revision) -> Result<Revision, KvError>;

    /// Deletes the key; whether it existed.
    async fn delete(&self, key: &Key) -> Result<bool, KvError>;
}

/// Why a backend did not do what it was asked.
///
/// `Clone`, so that one failure can be told to many: the causes are flattened into text at this wall.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// No connection could be made in time.
    #[error("cannot connect to {endpoint}: {cause}")]
    Connect {
        /// The endpoint.
        endpoint: String,
        /// What went wrong.
        cause: String,
    },
    /// An answer did not come in time.
    #[error("no answer to {operation} within {limit_ms} ms")]
    Timeout {
        /// What was asked.
        operation: &'static str,
        /// The deadline, in milliseconds.
        limit_ms: u64,
    },
    /// The key is not at the expected revision.
    #[error("the key is at revision {actual}, not {expected}")]
    Conflict {
        /// The revision that the caller expected; zero: absent.
        expected: Revision,
        /// The revision that the key has; zero: absent.
        actual: Revision,
    },
    /// The revision asked for has been compacted away.
    #[error("revision is compacted; the oldest left is {oldest}")]
    Compacted {
        /// The oldest revision that is left.
        oldest: Revision,
    },
    /// The credentials do not allow it, or are missing or expired.
    #[error("{operation} is not permitted: {cause}")]
    Denied {
        /// What was asked.
        operation: &'static str,
        /// What the server says.
        cause: String,
    },
    /// The value is larger than the backend takes.
    #[error("{bytes} bytes are more than the {limit} that fit under one key")]
    TooLarge {
        /// Size of the value in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Any other failure.
    #[error("{operation} failed: {cause}")]
    Failed {
        /// What was asked.
        operation: &'static str,
        /// What went wrong.
        cause: String,
    },
}
