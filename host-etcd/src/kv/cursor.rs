//! How far a watch has come, to be kept and handed back.

use std::fmt;

use super::{Header, Revision};

/// The mark of this layout: another one is to be refused, not misread.
const LAYOUT: u8 = 1;

/// The mark, the cluster's id, the revision.
const LENGTH: usize = 17;

/// A position in the changes of one store: opaque, inline, and bound to the cluster that it was made for. It is taken
/// from a batch of a watch, kept as bytes over restarts, and handed to one of the `_from` watches.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct WatchCursor {
    length: u8,
    bytes: [u8; LENGTH],
}

/// No position.
impl Default for WatchCursor {
    fn default() -> Self {
        Self::none()
    }
}

/// Bytes are no cursor of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCursor {
    /// There are too many.
    #[error("{bytes} bytes are more than the {limit} of a cursor; watch anew without one")]
    Oversize {
        /// How many there are.
        bytes: usize,
        /// How many there may be.
        limit: usize,
    },
    /// They were not written by [`WatchCursor::as_bytes`], or by a release that writes them otherwise.
    #[error("the bytes are no cursor; watch anew without one")]
    Malformed,
}

/// What a cursor holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kv) struct Position {
    pub(in crate::kv) cluster_id: u64,
    /// Everything up to here has been delivered.
    pub(in crate::kv) revision: Revision,
}

impl WatchCursor {
    /// No position: a watch from here begins with the present state.
    #[must_use]
    pub const fn none() -> Self {
        Self { length: 0, bytes: [0; LENGTH] }
    }

    /// Whether this is no position.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.length == 0
    }

    /// The cursor that [`as_bytes`](Self::as_bytes) wrote.
    ///
    /// # Errors
    ///
    /// If there are too many bytes, or they are not laid out as a cursor. To cut or pad them would name another place.
    pub fn from_bytes(cursor: &[u8]) -> Result<Self, InvalidCursor> {
        match <[u8; LENGTH]>::try_from(cursor) {
            Ok(bytes) if bytes.first() == Some(&LAYOUT) => Ok(Self { length: 17, bytes }),
            Err(_) if cursor.is_empty() => Ok(Self::none()),
            Err(_) if cursor.len() > LENGTH => {
                Err(InvalidCursor::Oversize { bytes: cursor.len(), limit: LENGTH })
            }
            _ => Err(InvalidCursor::Malformed),
        }
    }

    /// The bytes, to be kept. None for no position.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    pub(in crate::kv) fn position(&self) -> Option<Position> {
        let (cluster_id, revision) = self.as_bytes().get(1..)?.split_at_checked(8)?;
        Some(Position {
            cluster_id: u64::from_be_bytes(cluster_id.try_into().ok()?),
            revision: Revision::new(u64::from_be_bytes(revision.try_into().ok()?)),
        })
    }
}

/// The position behind everything up to the header's revision.
impl From<Header> for WatchCursor {
    fn from(header: Header) -> Self {
        let (cluster_id, revision) =
            (header.cluster_id.to_be_bytes(), header.revision.as_u64().to_be_bytes());
        let mut bytes = [LAYOUT; LENGTH];
        let places = bytes.iter_mut().skip(1);
        places.zip(cluster_id.into_iter().chain(revision)).for_each(|(place, byte)| *place = byte);
        Self { length: 17, bytes }
    }
}

impl fmt::Debug for WatchCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position() {
            Some(at) => write!(f, "WatchCursor({} of cluster {:x})", at.revision, at.cluster_id),
            None => f.write_str("WatchCursor(none)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header { cluster_id: 0xfeed_0000_0000_0001, revision: Revision::new(0x0102) };

    #[test]
    fn a_cursor_comes_back_from_its_bytes() {
        let cursor = WatchCursor::from(HEADER);
        assert_eq!(cursor.as_bytes(), [1, 0xfe, 0xed, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(WatchCursor::from_bytes(cursor.as_bytes()), Ok(cursor));
        let Position { cluster_id, revision } = cursor.position().expect("a position");
        assert_eq!(Header { cluster_id, revision }, HEADER);
        assert_eq!(format!("{cursor:?}"), "WatchCursor(258 of cluster feed000000000001)");
    }

    #[test]
    fn none_is_no_bytes_and_no_position() {
        let none = WatchCursor::none();
        assert_eq!(none, WatchCursor::default());
        assert!(none.is_none() && none.as_bytes().is_empty() && none.position().is_none());
        assert_eq!(WatchCursor::from_bytes(&[]), Ok(none));
        assert!(!WatchCursor::from(HEADER).is_none());
    }

    #[test]
    fn every_other_length_and_layout_is_refused() {
        let mut bytes = WatchCursor::from(HEADER).as_bytes().to_vec();
        bytes.push(0);
        let oversize = InvalidCursor::Oversize { bytes: 18, limit: 17 };
        assert_eq!(WatchCursor::from_bytes(&bytes), Err(oversize));
        for length in 1..LENGTH {
            assert_eq!(WatchCursor::from_bytes(&bytes[..length]), Err(InvalidCursor::Malformed), "{length}");
        }
        for layout in [0, 2, 255] {
            bytes[0] = layout;
            assert_eq!(WatchCursor::from_bytes(&bytes[..LENGTH]), Err(InvalidCursor::Malformed), "{layout}");
        }
    }
}
