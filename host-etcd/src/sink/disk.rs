//! The last good state on disk, so that a restart loses nothing.
//!
//! A state directory holds two files for each scope, named after a hash of the scope. `<hash>.state` is everything that
//! a mirror knows: what is in force, for each key the newest version and the last good one, from when lifetimes count,
//! and the cluster's revision. It is written after changes. `<hash>.clock` is small: how far the store's clock had
//! come, and when the server last confirmed what is in force. It is written once a minute, and when a directive has just
//! expired, so that no wall clock can bring it back after a restart.
//!
//! Both are replaced by a rename, after the new file was synced, and then the directory is synced: at every moment there
//! is either the old file or the new one, whole. They are readable by the owner only, because documents hold the names
//! of tenants. Several processes may share a directory: temporary files have random names, and the last writer wins. As far
//! as they follow the same cluster that is as good as any, but for when relative lifetimes were first seen. Of the clocks
//! the later one wins.
//!
//! What cannot be read as a whole is not used at all: the store starts as if there was nothing, says why, and leaves the
//! file aside as `….refused`, in place of one that was left there before. A file that the system does not let us read
//! stays where it is until there is something to write in its place, and then beside it as `….unread`: somebody may mend
//! what ails it. A clock that cannot be used does not cost the state. Without a state a clock means nothing: what is read
//! then counts as published anew, and a lead would only be translated away. So it is set aside too, lest it be taken for that
//! of the next state.
//!
//! A store does not wait long for a slow disk, and starts without; what is read at last is taken in then, and nothing is
//! written before. To start from nothing on purpose, remove the files while no store runs: a store that runs writes them
//! again.
//!
//! # Layout
//!
//! Both files begin with the same 52 bytes; numbers are little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `aldstate` or `aldclock` |
//! | 4 | version of the layout, 1 |
//! | 8 | length of the file |
//! | 32 | SHA-256 of the 20 bytes before and of all bytes after |
//!
//! SHA-256 because it is here already for digests and misses nothing; a state is written rarely. It finds damage, not
//! malice: who may write the directory may write a file that is accepted.
//!
//! Then follows the scope, to tell files of another scope that were renamed: a byte (0 a key, 1 a prefix) and a string of
//! bytes. A string is its length in 8 bytes and then itself; a list is a count in 8 bytes and then its items; a moment is
//! two numbers of 8 bytes, the reading and the lead in milliseconds; an option is a byte, 0 or 1, and with 1 the value.
//!
//! The clock goes on with the reading (8 bytes) and an option of a confirmation: when (8 bytes), and which revision (8).
//! The state goes on with the same, and then:
//!
//! | what | how |
//! |---|---|
//! | the cluster's id, the revision up to which everything was taken in | 8 and 8 bytes |
//! | what is in force: revision, digest, image | 8 bytes, 32 bytes, a string |
//! | the keys, in ascending order | a list |
//! | — the key | a string |
//! | — its newest version: revision, value, first seen | 8 bytes, a string, a moment |
//! | — its good version | a byte: 0 there is none, 1 the newest, 2 another, which follows |
//! | versions that are gone, longest first: revision, digest, first seen | a list of 8 bytes, 32 bytes, a moment |
//!
//! There is one way to write a state, and a file that says the same in another way is refused.

mod bytes;
mod error;
mod files;
mod keeper;
mod layout;
mod medium;
#[cfg(test)]
mod tests;
mod whole;
mod writer;

use aldis_core::UnixMillis;

use crate::clock::is_believable;
use crate::kv::Revision;
use crate::mirror::Record;

pub use error::StateError;
pub(crate) use files::StateDirectory;
pub(crate) use keeper::Restored;
pub(crate) use writer::{Disk, Writer};

/// What is known of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pulse {
    /// How far the store's clock had come.
    pub(crate) reading: UnixMillis,
    /// When the server last confirmed what is in force.
    pub(crate) confirmed: Option<Confirmed>,
}

/// A confirmation of what is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Confirmed {
    /// When, in the store's time.
    pub(crate) at: UnixMillis,
    /// The server's revision then.
    pub(crate) revision: Revision,
}

/// What was in a directory: the later of what both files say of time, and what was known.
pub(crate) type Found = Result<(Pulse, Record), StateError>;

impl StateDirectory {
    /// Reads what was left there, on a machine whose clock shows `wall`. Blocks, for as long as the disk takes.
    ///
    /// # Errors
    ///
    /// If there is nothing, or nothing to be used; a file that is at fault is then out of the way of the next one.
    pub(crate) fn load(&self, wall: UnixMillis) -> Found {
        self.sweep();
        let state = self.open(files::State, layout::decode_state);
        if state.as_ref().map_or_else(StateError::is_of_the_file, Option::is_none) {
            self.set_aside(files::Clock, "refused");
        }
        let (pulse, record) = state?.ok_or(StateError::Missing)?;
        // Its clock is as late or later.
        self.believe(files::State, &pulse, wall).inspect_err(|_| self.set_aside(files::Clock, "refused"))?;
        let clock = self.open(files::Clock, layout::decode_clock).and_then(|clock| {
            clock.map(|pulse| self.believe(files::Clock, &pulse, wall).map(|()| pulse)).transpose()
        });
        match clock {
            Ok(clock) => Ok((clock.map_or(pulse, |later| pulse.max(later)), record)),
            Err(error) => {
                // The state's own reading is a little older.
                tracing::warn!(%error, "the clock file of the state directory is not used");
                Ok((pulse, record))
            }
        }
    }

    fn believe(&self, kind: files::Kind, pulse: &Pulse, wall: UnixMillis) -> Result<(), StateError> {
        if is_believable(pulse.reading, wall) {
            return Ok(());
        }
        self.set_aside(kind, "refused");
        Err(StateError::FromTheFuture { ahead: pulse.reading.saturating_since(wall) })
    }
}

impl Pulse {
    fn max(self, other: Self) -> Self {
        let confirmed = [self.confirmed, other.confirmed].into_iter().flatten().max_by_key(|one| one.at);
        Self { reading: self.reading.max(other.reading), confirmed }
    }
}
