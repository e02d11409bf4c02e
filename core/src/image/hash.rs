//! The hash of a combination of values. Part of the layout: changing it changes [`IMAGE_VERSION`].
//!
//! [`IMAGE_VERSION`]: crate::limits::IMAGE_VERSION

use rapidhash::v3::rapidhash_v3;

use crate::vocabulary::EndpointKind;

/// From the first digits of the golden ratio; odd, so that multiplying by it loses nothing.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Hash of one value.
pub(crate) fn value(text: &[u8]) -> u64 {
    rapidhash_v3(text)
}

/// Hash of one endpoint.
pub(crate) fn endpoint(kind: EndpointKind) -> u64 {
    u64::from(kind.code()).wrapping_add(1).wrapping_mul(SPREAD)
}

/// Hash of the values of a group's facts, in the order of the bits.
#[derive(Clone, Copy)]
pub(crate) struct Combined(u64);

impl Combined {
    pub(crate) const EMPTY: Self = Self(0);

    /// This combination and one more value.
    pub(crate) fn and(self, value: u64) -> Self {
        Self((self.0.rotate_left(5) ^ value).wrapping_mul(SPREAD))
    }

    /// The bucket among `buckets`, a power of two, and the tag.
    pub(crate) fn place(self, buckets: u32) -> (usize, u32) {
        let mixed = self.0 ^ (self.0 >> 32);
        let [b0, b1, b2, b3, tag @ ..] = mixed.to_le_bytes();
        let bucket = u32::from_le_bytes([b0, b1, b2, b3]) & buckets.wrapping_sub(1);
        (usize::try_from(bucket).unwrap_or(0), u32::from_le_bytes(tag))
    }
}

/// The bit of a label name in [`Header::label_filter`](super::Header::label_filter).
pub(crate) fn filter_bit(name: u64) -> u64 {
    1_u64.rotate_right(u32::from(name.to_le_bytes()[7]) & 63)
}

/// The checksum of an image: over everything behind the checksum itself.
pub(crate) fn checksum(content: &[u8]) -> u64 {
    rapidhash_v3(content)
}
