//! Why a backend did not do what it was asked.

use super::Revision;

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
    /// The lease has ended, and its keys with it.
    #[error("the lease has expired")]
    LeaseExpired,
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
