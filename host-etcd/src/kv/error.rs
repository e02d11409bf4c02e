//! Why a backend did not do what it was asked.

use super::{Key, Revision};

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
    /// A key is not at the expected version.
    #[error("{key} is at revision {actual}, not {expected}; read it again and decide anew")]
    Conflict {
        /// The key; the first, if several are not as expected.
        key: Key,
        /// The revision that the caller expected; zero: absent.
        expected: Revision,
        /// The revision that the key has; zero: absent.
        actual: Revision,
    },
    /// A key that was to be created is there.
    #[error("{key} exists already, at revision {revision}; update it, or choose another key")]
    AlreadyExists {
        /// The key.
        key: Key,
        /// The revision that it has.
        revision: Revision,
    },
    /// A version was not made by this backend.
    #[error("the version given for {key} is not one of this backend's; read the key to get one")]
    ForeignToken {
        /// The key that it was given for.
        key: Key,
    },
    /// Two changes of one transaction name the same key.
    #[error("{key} is changed twice in one transaction; name each key once")]
    DuplicateKey {
        /// The key.
        key: Key,
    },
    /// The empty key names nothing.
    #[error("the key is empty; a key has at least one byte")]
    EmptyKey,
    /// A transaction is longer than the backend takes.
    #[error("{operations} operations are more than the {limit} of one transaction; split it")]
    TooManyOperations {
        /// How many there are.
        operations: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The lease has ended, and its keys with it.
    #[error("the lease has expired; grant another and put its keys again")]
    LeaseExpired,
    /// A lease of this length is not granted.
    #[error(
        "a lease of {seconds} s is longer than the {limit} s that are granted; ask for less, or put without one"
    )]
    TtlTooLong {
        /// What was asked for, in seconds.
        seconds: u64,
        /// The limit in seconds.
        limit: u64,
    },
    /// What lies behind a cursor cannot be delivered.
    #[error("the cursor has expired: {cause}; watch anew without one, which begins with the present state")]
    CursorExpired {
        /// Why not.
        cause: CursorLoss,
    },
    /// A watch over no prefix.
    #[error("no prefix is named; name at least one, the empty prefix is every key")]
    NoPrefix,
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
    /// The values of a request are larger than the backend takes at once.
    #[error("{bytes} bytes are more than the {limit} that fit into one request")]
    TooLarge {
        /// Size of the values in bytes.
        bytes: usize,
        /// The limit in bytes, beside these keys.
        limit: usize,
    },
    /// The server takes no request of this size, so nothing has happened.
    #[error(
        "{operation} is refused: {cause}; tell the client the --max-request-bytes of its servers, or write less at once"
    )]
    TooLargeForServer {
        /// What was asked.
        operation: &'static str,
        /// What the server says.
        cause: String,
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

/// Why what lies behind a cursor cannot be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CursorLoss {
    /// It has been compacted away.
    #[error("what lies behind it is compacted up to revision {oldest}")]
    Compacted {
        /// The oldest revision that is left.
        oldest: Revision,
    },
    /// The cursor was made for another cluster.
    #[error("it is of another cluster")]
    OtherCluster,
    /// The store has not come as far as the cursor: it was wiped, or restored from an older snapshot.
    #[error("it lies ahead of the store, which is at revision {revision}, wiped or restored")]
    Restored {
        /// The revision of the store.
        revision: Revision,
    },
    /// One of several prefixes has changed so much that the rest did not come so far before the memory for what is held
    /// back was full.
    #[error(
        "what lies behind it is more than the {limit_bytes} bytes that are held back for whole transactions"
    )]
    TooFarBehind {
        /// How many bytes are held back at most.
        limit_bytes: usize,
    },
}

impl KvError {
    /// The same error, told of the operation that the failed call was part of.
    #[must_use]
    pub fn during(self, operation: &'static str) -> Self {
        match self {
            Self::Timeout { limit_ms, .. } => Self::Timeout { operation, limit_ms },
            Self::Denied { cause, .. } => Self::Denied { operation, cause },
            Self::TooLargeForServer { cause, .. } => Self::TooLargeForServer { operation, cause },
            Self::Failed { cause, .. } => Self::Failed { operation, cause },
            other => other,
        }
    }
}
