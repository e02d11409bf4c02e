//! The header of a request: which facts are there, and how long each is.

use super::{HEADER_BYTES, short};
use crate::bytes::take_u64;

/// The texts, in the order in which they stand. The number of each is also that of its bit.
pub(super) const TENANT: u32 = 0;
pub(super) const INDEX: u32 = 1;
pub(super) const PRINCIPAL: u32 = 2;
pub(super) const REQUEST_ID: u32 = 3;
pub(super) const TRACE_ID: u32 = 4;
/// How many there are.
pub(super) const TEXTS: u32 = 5;
/// The number of the bit for an endpoint.
const ENDPOINT: u32 = 5;
const KNOWN: u64 = (1 << 6) - 1;

/// A header as two little-endian numbers: read at once, and kept as they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    low: u64,
    high: u64,
}

impl Header {
    /// Of a request without texts.
    #[inline(always)]
    pub(super) fn of(endpoint: Option<u8>, labels: usize) -> Option<Self> {
        let endpoint = endpoint.map_or(0, |code| 1 << ENDPOINT | u64::from(code) << 8);
        Some(Self { low: endpoint | u64::from(short(labels)?) << 16, high: 0 })
    }

    /// Adds one of the texts.
    #[inline(always)]
    pub(super) fn add(&mut self, text: usize, len: usize) -> Option<()> {
        let len = u64::from(short(len)?);
        self.low |= 1 << text;
        match text {
            0 | 1 => self.low |= len << (32 + 16 * text),
            _ => self.high |= len << (16 * text - 32),
        }
        Some(())
    }

    /// `None` if a bit is set that means nothing, or something has a length that is not there.
    #[inline(always)]
    pub(super) fn take(bytes: &mut &[u8]) -> Option<Self> {
        // Two loads, rather than one for each byte.
        let header = Self { low: take_u64(bytes)?, high: take_u64(bytes)? };
        header.is_sound().then_some(header)
    }

    #[inline(always)]
    pub(super) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        (u128::from(self.high) << 64 | u128::from(self.low)).to_le_bytes()
    }

    #[inline(always)]
    fn has(self, fact: u32) -> bool {
        self.low >> fact & 1 != 0
    }

    /// Code of the endpoint.
    #[inline(always)]
    pub(super) fn endpoint(self) -> Option<u8> {
        let [_, endpoint, ..] = self.low.to_le_bytes();
        self.has(ENDPOINT).then_some(endpoint)
    }

    /// How many labels there are.
    #[inline(always)]
    pub(super) fn labels(self) -> Option<usize> {
        usize::try_from(self.low >> 16 & 0xffff).ok()
    }

    /// The lengths of the first four texts, each in sixteen bits.
    #[inline(always)]
    fn four_lens(self) -> u64 {
        self.low >> 32 | self.high << 32
    }

    /// The length of the fifth text.
    #[inline(always)]
    fn last_len(self) -> u64 {
        self.high >> 32 & 0xffff
    }

    /// Looks at all that there is at once: nearly always all of it is sound.
    #[inline(always)]
    fn is_sound(self) -> bool {
        // Each of the lowest four bits goes to where the length of its text begins.
        let there = (self.low & 0xf).wrapping_mul(0x2000_4000_8001) & 0x0001_0001_0001_0001;
        let of_none = self.four_lens() & !there.wrapping_mul(0xffff);
        let last_of_none = if self.has(TRACE_ID) { 0 } else { self.last_len() };
        let endpoint_of_none = if self.has(ENDPOINT) { 0 } else { self.low & 0xff00 };
        let unknown = self.low & 0xff & !KNOWN | self.high >> 48;
        of_none | last_of_none | endpoint_of_none | unknown == 0
    }

    /// How many bytes the texts before one of them have, in their order.
    #[inline(always)]
    fn before(self, text: u32) -> u64 {
        let four = self.four_lens() & !u64::MAX.checked_shl(16 * text).unwrap_or(0);
        let pairs = (four & 0xffff_0000_ffff) + (four >> 16 & 0xffff_0000_ffff);
        (pairs & 0xffff_ffff) + (pairs >> 32)
    }

    /// Where a text begins and how long it is; `None` if it is not there.
    #[inline(always)]
    pub(super) fn text(self, text: u32) -> Option<(usize, usize)> {
        if !self.has(text) {
            return None;
        }
        let len = if text < TRACE_ID { self.four_lens() >> (16 * text) & 0xffff } else { self.last_len() };
        Some((usize::try_from(self.before(text)).ok()?, usize::try_from(len).ok()?))
    }

    /// How many bytes all texts have.
    #[inline(always)]
    pub(super) fn all(self) -> Option<usize> {
        usize::try_from(self.before(TRACE_ID) + self.last_len()).ok()
    }
}
