//! What a read comes to.

use std::fmt;

use aldis_core::limits::MAX_TARGET_BYTES;

use crate::kv::KvError;

/// What a read came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FetchOutcome {
    /// There is a document, and it is in force.
    Found,
    /// There is none.
    Absent,
    /// There is a document, and it is malformed.
    Refused,
    /// There was no answer within the deadline.
    Timeout,
    /// The store answered with an error, or could not be reached.
    Failed,
    /// Nothing was read, because as much as may be is being read already.
    Busy,
    /// Nothing was read, because a read failed a moment ago.
    Paused,
    /// Nothing was read, because no document can be for a tenant of this name.
    BadTenant,
}

impl FetchOutcome {
    /// Its name for logs and metrics: `found`, `absent`, `refused`, `timeout`, `failed`, `busy`, `paused`,
    /// `bad_tenant`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Absent => "absent",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Failed => "failed",
            Self::Busy => "busy",
            Self::Paused => "paused",
            Self::BadTenant => "bad_tenant",
        }
    }

    /// Whether the store was asked.
    #[must_use]
    pub const fn was_read(self) -> bool {
        !matches!(self, Self::Busy | Self::Paused | Self::BadTenant)
    }
}

impl fmt::Display for FetchOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

/// Why it is not known what is in force for a tenant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// No document can be for a tenant of this name.
    #[error("a tenant has 1 to {MAX_TARGET_BYTES} bytes, not {bytes}")]
    BadTenant {
        /// How many it has.
        bytes: usize,
    },
    /// As much as may be is being read already.
    #[error("too many tenants are being read; allow more reads if these are real")]
    Busy,
    /// A read failed a moment ago, for this reason, and nobody tries until some time has passed.
    #[error("not read, because a moment ago: {0}")]
    Paused(KvError),
    /// The read failed.
    #[error(transparent)]
    Read(#[from] KvError),
    /// The read panicked.
    #[error("the read panicked")]
    Panicked,
}
