//! Which state of the store a set stands for: travels behind the bytes of the set, comes back with `aldis_info`.

use crate::bytes::{put, take, take_u64};

/// Bytes of a [`Stamp`].
pub const STAMP_BYTES: usize = 40;

/// The host's name for a set. The guest keeps it beside the set and interprets nothing of it.
///
/// It follows the image or document, rather than going before it, so that the guest can cut it off without moving
/// what may be megabytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The store's revision; zero before the first load.
    pub revision: u64,
    /// The digest of the documents; zeros before the first load.
    pub digest: [u8; 32],
}

impl Stamp {
    /// What a guest answers with before the first load.
    pub const NONE: Self = Self { revision: 0, digest: [0; 32] };

    /// The bytes: revision, digest.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; STAMP_BYTES] {
        let mut bytes = [0; STAMP_BYTES];
        let room = &mut bytes.as_mut_slice();
        put(room, &self.revision.to_le_bytes());
        put(room, &self.digest);
        bytes
    }

    /// Splits `payload` into body and stamp; `None` if it is shorter than a stamp.
    #[must_use]
    pub fn split(payload: &[u8]) -> Option<(&[u8], Self)> {
        let (body, mut stamp) = payload.split_at_checked(payload.len().checked_sub(STAMP_BYTES)?)?;
        Some((body, Self { revision: take_u64(&mut stamp)?, digest: take(&mut stamp)? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_comes_off_the_end_of_what_it_was_put_behind() {
        let stamp = Stamp { revision: 0x0102_0304_0506_0708, digest: [7; 32] };
        let mut payload = [9; 3 + STAMP_BYTES];
        payload[3..].copy_from_slice(&stamp.to_bytes());
        assert_eq!(Stamp::split(&payload), Some((&[9u8, 9, 9][..], stamp)));
        assert_eq!(payload[3], 8, "little-endian");
        assert_eq!(Stamp::split(&payload[4..]), None);
        assert_eq!(Stamp::split(&[]), None);
    }
}
