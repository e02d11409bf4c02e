//! The hash of a combination of values. Part of the layout: changing it changes [`IMAGE_VERSION`].
//!
//! [`IMAGE_VERSION`]: crate::limits::IMAGE_VERSION

use rapidhash::v3::{DEFAULT_RAPID_SECRETS, rapidhash_v3_nano_inline};
use twox_hash::XxHash64;

use crate::vocabulary::EndpointKind;

/// From the first digits of the golden ratio; odd, so that multiplying by it loses nothing.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Hash of one value.
#[inline]
pub(crate) fn value(text: &[u8]) -> u64 {
    rapidhash_v3_nano_inline::<true, false>(text, &DEFAULT_RAPID_SECRETS)
}

/// Hash of one endpoint.
pub(crate) fn endpoint(kind: EndpointKind) -> u64 {
    u64::from(kind.code()).wrapping_add(1).wrapping_mul(SPREAD)
}

/// What a combination of values is found by: the sum of its parts. A sum, because the parts that a group asks for can
/// then be picked without branches; which groups a request meets, no processor can predict.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(u64);

impl Key {
    pub(crate) const EMPTY: Self = Self(0);

    /// The hash of a value as part of a key. Each part is turned by another angle: else tenant `a` with index `b` would be
    /// found by the key of tenant `b` with index `a`.
    pub(crate) fn part(part: Part, hash: u64) -> Self {
        Self(hash.rotate_left(part as u32))
    }

    pub(crate) fn and(self, part: Self) -> Self {
        Self(self.0.wrapping_add(part.0))
    }

    pub(crate) fn and_if(self, wanted: bool, part: Self) -> Self {
        Self(self.0.wrapping_add(part.0 & u64::from(wanted).wrapping_neg()))
    }

    /// Which of `buckets`, a power of two, and the tag in it.
    pub(crate) fn place(self, buckets: u32) -> (u32, u8) {
        let [b0, b1, b2, b3, .., tag] = self.0.to_le_bytes();
        (u32::from_le_bytes([b0, b1, b2, b3]) & buckets.wrapping_sub(1), tag.max(1))
    }
}

/// The parts of a key, and by how many bits each is turned.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Tenant = 0,
    Index = 11,
    Principal = 22,
    Endpoint = 33,
    LabelName = 44,
    LabelValue = 55,
}

/// A pair of labels as part of a key.
pub(crate) fn label(name: u64, value: u64) -> Key {
    Key::part(Part::LabelName, name).and(Key::part(Part::LabelValue, value))
}

/// The bit of a label name in [`Header::label_filter`](super::Header::label_filter).
pub(crate) fn label_bit(name: u64) -> u64 {
    1_u64.rotate_right(u32::from(name.to_le_bytes()[7]) & 63)
}

/// The checksum of an image: over everything behind the checksum itself. Not the hash of the values: that multiplies to
/// 128 bits, which WebAssembly has to call a function for, and here it would do so for every sixteen bytes of a megabyte.
pub(crate) fn checksum(content: &[u8]) -> u64 {
    XxHash64::oneshot(0, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the specification of xxHash and its reference implementation.
    #[test]
    fn the_checksum_gives_the_published_values() {
        assert_eq!(checksum(b""), 0xef46_db37_51d8_e999);
        assert_eq!(checksum(b"a"), 0xd24e_c4f1_a98c_6e5b);
        assert_eq!(checksum(b"abc"), 0x44bc_2cf5_ad77_0999);
    }
}
