//! A bucket of a hash table: seven places, and a word that tells at once which of them may hold what is looked for. The
//! idea is that of Google's Swiss tables and Facebook's F14, in a word instead of a vector, so that it is the same on
//! every platform.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Places in one bucket.
pub(crate) const PLACES: usize = 7;

/// One in each byte that is a tag.
const ONES: u64 = 0x0001_0101_0101_0101;
const HIGHEST: u64 = ONES << 7;
const OVERFLOW: u64 = 1 << 56;

/// The tags stand beside the places, so that a hit costs one cache line.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Bucket {
    /// A tag per place, never zero; zero where nothing is. The eighth byte is one if keys went on to the next bucket
    /// because this one was full.
    control: U64,
    /// A directive, or with [`LIST`](super::LIST) where the list of several starts.
    pub(crate) places: [U32; PLACES],
}

impl Bucket {
    pub(crate) const EMPTY: Self = Self { control: U64::ZERO, places: [U32::ZERO; PLACES] };

    /// What may have this tag: nearly always what has, and all of it.
    #[inline]
    pub(crate) fn tagged(&self, tag: u8) -> Tagged<'_> {
        let differing = self.control.get() ^ u64::from(tag).wrapping_mul(ONES);
        // The highest bit of each byte that is zero, and rarely of one above such a byte.
        Tagged { places: &self.places, left: differing.wrapping_sub(ONES) & !differing & HIGHEST }
    }

    /// Whether what is not here may be in the next bucket.
    pub(crate) fn is_overflown(&self) -> bool {
        self.control.get() & OVERFLOW != 0
    }

    pub(crate) fn mark_overflown(&mut self) {
        self.control = U64::new(self.control.get() | OVERFLOW);
    }

    /// How many places are taken: from the first on.
    pub(crate) fn len(&self) -> usize {
        let tags = self.control.get() & !OVERFLOW;
        let bits = u64::BITS.wrapping_sub(tags.leading_zeros());
        usize::try_from(bits.div_ceil(8)).unwrap_or(PLACES)
    }

    /// Takes the next place; false if none is free.
    pub(crate) fn push(&mut self, tag: u8, directive: u32) -> bool {
        let len = self.len();
        let Some(place) = self.places.get_mut(len) else { return false };
        *place = U32::new(directive);
        let mut control = self.control.get().to_le_bytes();
        if let Some(free) = control.get_mut(len) {
            *free = tag;
        }
        self.control = U64::from_bytes(control);
        true
    }
}

/// Places of a bucket, one after the other.
pub(crate) struct Tagged<'b> {
    places: &'b [U32; PLACES],
    left: u64,
}

impl Tagged<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.left == 0
    }
}

impl Iterator for Tagged<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        let place = usize::try_from(self.left.trailing_zeros() >> 3).ok()?;
        self.left &= self.left.wrapping_sub(1);
        // Of no bit at all the place is the eighth, which there is not.
        self.places.get(place).map(|place| place.get())
    }
}

const _: () = assert!(size_of::<Bucket>() == 36, "a bucket has 36 bytes");

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn a_bucket_gives_back_what_has_the_tag() {
        let mut bucket = Bucket::EMPTY;
        for (place, tag) in (10..).zip([1, 255, 7, 7, 128, 2, 7]) {
            assert!(bucket.push(tag, place));
        }
        assert!(!bucket.push(9, 99), "seven places are taken");
        let found = |tag| bucket.tagged(tag).collect::<Vec<_>>();
        assert_eq!(found(255), [11]);
        assert_eq!(found(7), [12, 13, 16]);
        assert_eq!(found(128), [14]);
        assert!(found(9).is_empty());
        assert!(found(1).contains(&10) && found(2).contains(&15));
    }

    #[test]
    fn the_mark_of_a_full_bucket_is_no_tag() {
        let mut bucket = Bucket::EMPTY;
        assert!(bucket.push(3, 4) && !bucket.is_overflown());
        bucket.mark_overflown();
        assert!(bucket.is_overflown());
        assert_eq!(bucket.len(), 1);
        assert_eq!(bucket.tagged(1).count(), 0);
        assert_eq!(bucket.tagged(3).collect::<Vec<_>>(), [4]);
    }
}
