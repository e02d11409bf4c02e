//! What a guest says about the set it holds.

use crate::bytes::{put, take, take_u32, take_u64};
use crate::stamp::Stamp;

/// Bytes of an [`Info`].
pub const INFO_BYTES: usize = 64;

/// What a guest says about the set it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// What the host called the set.
    pub stamp: Stamp,
    /// Directives in the set.
    pub directives: u32,
    /// Bytes of its image.
    pub image_bytes: u32,
    /// When the first directive ends, in milliseconds of the Unix epoch; `u64::MAX` if there is none.
    pub earliest_expiry: u64,
    /// When the last directive ends, in milliseconds of the Unix epoch; zero if there is none.
    pub latest_expiry: u64,
}

impl Info {
    /// The bytes, in the order of the fields.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; INFO_BYTES] {
        let mut bytes = [0; INFO_BYTES];
        let room = &mut bytes.as_mut_slice();
        put(room, &self.stamp.to_bytes());
        put(room, &self.directives.to_le_bytes());
        put(room, &self.image_bytes.to_le_bytes());
        put(room, &self.earliest_expiry.to_le_bytes());
        put(room, &self.latest_expiry.to_le_bytes());
        bytes
    }

    /// Reads the bytes; `None` if there are too few or too many.
    #[must_use]
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        let info = Self {
            stamp: Stamp { revision: take_u64(bytes)?, digest: take(bytes)? },
            directives: take_u32(bytes)?,
            image_bytes: take_u32(bytes)?,
            earliest_expiry: take_u64(bytes)?,
            latest_expiry: take_u64(bytes)?,
        };
        bytes.is_empty().then_some(info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_other_lengths_are_not() {
        let info = Info {
            stamp: Stamp { revision: 12, digest: [3; 32] },
            directives: 4,
            image_bytes: 500,
            earliest_expiry: 6,
            latest_expiry: 7,
        };
        let bytes = info.to_bytes();
        assert_eq!(Info::from_bytes(&bytes), Some(info));
        assert_eq!(Info::from_bytes(&bytes[1..]), None);
        assert_eq!(Info::from_bytes(&[0; INFO_BYTES + 1]), None);
        assert_eq!(bytes[40], 4, "the page gives these offsets");
        assert_eq!(bytes[56], 7, "the page gives these offsets");
    }
}
