//! A decision in one integer.

use crate::status::Status;

/// Bytes of one answer in a batch.
pub const ANSWER_BYTES: usize = 8;

const NO_INDEX: u32 = u32::MAX;
const HIGHEST_LEVEL: u8 = 3;
const RING_BUFFER: u8 = 1;
const CAPTURE: u8 = 2;

/// What a guest says of one request, before the host believes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Code of the level: 0 `Off`, 1 `Shape`, 2 `ShapeTiming`, 3 `ShapeRewriteDiff`.
    pub level: u8,
    /// Keep the exchange in the ring buffer.
    pub ring_buffer: bool,
    /// Send the exchange to the capture sink.
    pub capture: bool,
    /// Place of the deciding directive in the loaded set.
    pub decided_by: Option<u32>,
}

/// The integer means nothing: the guest is broken, or not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonsense;

impl Answer {
    /// Bytes from the low end: `decided_by` (4; all ones for none), level, flags (bit 0 ring buffer, bit 1
    /// capture), status, zero. So the integer is never negative.
    #[inline]
    #[must_use]
    pub fn pack(answer: Result<Self, Status>) -> u64 {
        match answer {
            Ok(answer) => answer.pack_ok(),
            Err(status) => u64::from(NO_INDEX) | u64::from(status.code()) << 48,
        }
    }

    /// The reverse of [`pack`](Self::pack).
    ///
    /// # Errors
    ///
    /// `Ok(Err(status))` if the guest refused the request; `Err(Nonsense)` if the integer has bits that `pack`
    /// never sets: an unknown level, flag or status, or a decision beside a status.
    #[inline]
    pub fn unpack(packed: u64) -> Result<Result<Self, Status>, Nonsense> {
        let [.., level, flags, status, zero] = packed.to_le_bytes();
        if status != 0 || zero != 0 || flags > (RING_BUFFER | CAPTURE) || level > HIGHEST_LEVEL {
            return refusal(packed).map(Err);
        }
        // What is above the index was looked at a line before.
        let index = u32::try_from(packed & u64::from(u32::MAX)).unwrap_or(NO_INDEX);
        Ok(Ok(Self {
            level,
            ring_buffer: flags & RING_BUFFER != 0,
            capture: flags & CAPTURE != 0,
            decided_by: (index != NO_INDEX).then_some(index),
        }))
    }

    fn pack_ok(self) -> u64 {
        let flags = u64::from(self.ring_buffer) | u64::from(self.capture) << 1;
        u64::from(self.decided_by.unwrap_or(NO_INDEX)) | u64::from(self.level) << 32 | flags << 40
    }
}

/// What is no decision may be a status, and then nothing else.
fn refusal(packed: u64) -> Result<Status, Nonsense> {
    let [.., status, _] = packed.to_le_bytes();
    let status = Status::from_code(status).ok_or(Nonsense)?;
    if Answer::pack(Err(status)) == packed { Ok(status) } else { Err(Nonsense) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bytes_stand_where_the_page_says() {
        let answer = Answer { level: 2, ring_buffer: false, capture: true, decided_by: Some(7) };
        assert_eq!(Answer::pack(Ok(answer)), 0x0000_0202_0000_0007);
        assert_eq!(Answer::pack(Err(Status::BadRequest)), 0x0004_0000_ffff_ffff);
    }

    #[test]
    fn bits_that_are_never_set_are_nonsense() {
        for packed in [
            1 << 63,
            1 << 56,
            4 << 40,
            4 << 32,
            200 << 48,
            (4 << 48) | 7,
            (4 << 48) | 0x1_ffff_ffff,
            u64::MAX,
        ] {
            assert_eq!(Answer::unpack(packed), Err(Nonsense), "{packed:#x}");
        }
    }

    proptest! {
        #[test]
        fn answers_come_back(level in 0u8..=3, ring_buffer: bool, capture: bool, at in proptest::option::of(0..u32::MAX)) {
            let answer = Answer { level, ring_buffer, capture, decided_by: at };
            let packed = Answer::pack(Ok(answer));
            prop_assert_eq!(Answer::unpack(packed), Ok(Ok(answer)));
            prop_assert!(i64::try_from(packed).is_ok());
        }

        #[test]
        fn whatever_is_understood_packs_to_the_same_bits(packed: u64) {
            if let Ok(understood) = Answer::unpack(packed) {
                prop_assert_eq!(Answer::pack(understood), packed);
            }
        }
    }
}
