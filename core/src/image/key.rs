//! What a combination of values is found by. Part of the layout: changing it changes [`IMAGE_VERSION`].
//!
//! [`IMAGE_VERSION`]: crate::limits::IMAGE_VERSION

use crate::hash::SPREAD;
use crate::vocabulary::EndpointKind;

/// Hash of one endpoint.
pub(crate) fn endpoint(kind: EndpointKind) -> u64 {
    u64::from(kind.code()).wrapping_add(1).wrapping_mul(SPREAD)
}

/// The hash of a combination of values: the sum of its parts. A sum, because the parts that a group asks for can
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
