//! Why a state directory gives nothing.

use std::time::Duration;

use super::files::MAX_BYTES;
use super::layout::VERSION;

/// Why there is nothing to start with in a state directory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The builder was given no directory.
    #[error("no state directory is configured")]
    NotConfigured,
    /// There is no file for this scope: nothing was ever written, or it was removed.
    #[error("the state directory holds nothing of this scope")]
    Missing,
    /// The system does not let us read it. The file stays where it is until there is something to write in its place, and
    /// then beside it as `….unread`.
    #[error("the state file cannot be read: {cause}")]
    Unreadable {
        /// What the system says.
        cause: String,
    },
    /// The disk did not answer in time. What it says later is taken in then, and nothing is written before.
    #[error("the state file could not be read within {} ms", limit.as_millis())]
    Slow {
        /// How long it had.
        limit: Duration,
    },
    /// It has more bytes than any state has.
    #[error("the state file has more than {MAX_BYTES} bytes")]
    TooLarge,
    /// It does not begin as a state file does.
    #[error("the state file is not one of Aldis")]
    Foreign,
    /// It was written by another version of Aldis.
    #[error("the state file has layout {found}, this version of Aldis reads {VERSION}")]
    Version {
        /// The version of its layout.
        found: u32,
    },
    /// It is shorter or longer than it says.
    #[error("the state file is torn: it has {found} bytes and should have {expected}")]
    Torn {
        /// The bytes that there should be.
        expected: u64,
        /// The bytes that there are.
        found: u64,
    },
    /// Its checksum is another.
    #[error("the state file is damaged: its checksum does not match")]
    Damaged,
    /// It belongs to another scope.
    #[error("the state file belongs to another scope")]
    OtherScope,
    /// It is whole, and says what no state says.
    #[error("the state file is malformed: {what}")]
    Malformed {
        /// Where, and what is wrong there.
        what: &'static str,
    },
    /// It was written under a clock that was wildly wrong, and would keep expired what had expired by that clock alone.
    #[error(
        "the state file was written {} days ahead of this machine's clock; it is too far to be believed",
        ahead.as_secs() / 86_400
    )]
    FromTheFuture {
        /// How far ahead.
        ahead: Duration,
    },
}

impl StateError {
    /// Whether the file itself is at fault, so that no later attempt will find it better.
    pub(super) fn is_of_the_file(&self) -> bool {
        !matches!(self, Self::NotConfigured | Self::Missing | Self::Unreadable { .. } | Self::Slow { .. })
    }
}
