//! What the thread asks of a disk.

use std::io;

use aldis_core::UnixMillis;

use super::files::{self, Kind};
use super::{Found, StateDirectory, layout};

/// A state directory, or what a test makes of it. Any call may take as long as a sick disk takes.
pub(super) trait Medium: Send + 'static {
    /// What was left, on a machine whose clock shows `wall`.
    fn load(&self, wall: UnixMillis) -> Found;

    /// Replaces a file as a whole.
    fn replace(&self, kind: Kind, bytes: &[u8]) -> io::Result<()>;

    /// Whether there is such a file, as far as one can tell.
    fn has(&self, kind: Kind) -> bool;

    /// How far the clock has come that is written there.
    fn reading(&self) -> Option<UnixMillis>;

    /// Keeps a file that could not be read for whoever can.
    fn leave_unread(&self, kind: Kind);
}

impl Medium for StateDirectory {
    fn load(&self, wall: UnixMillis) -> Found {
        Self::load(self, wall)
    }

    fn replace(&self, kind: Kind, bytes: &[u8]) -> io::Result<()> {
        Self::replace(self, kind, bytes)
    }

    fn has(&self, kind: Kind) -> bool {
        self.file(kind)
            .symlink_metadata()
            .map_or_else(|error| error.kind() != io::ErrorKind::NotFound, |_| true)
    }

    fn reading(&self) -> Option<UnixMillis> {
        Some(self.read(files::Clock, layout::decode_clock).ok()??.reading)
    }

    fn leave_unread(&self, kind: Kind) {
        self.set_aside(kind, "unread");
    }
}
