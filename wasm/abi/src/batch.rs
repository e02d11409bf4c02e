//! Many requests in one call: each stands behind its length.

use crate::bytes::put;

/// Bytes of the length that goes before each request of a batch.
///
/// A frame and the smallest request together are longer than an answer
/// ([`ANSWER_BYTES`](crate::ANSWER_BYTES)), so the guest writes answer *i* over bytes that request *i* no longer
/// needs, and a batch costs no second buffer.
pub const FRAME_BYTES: usize = 4;

const _: () = assert!(FRAME_BYTES + crate::HEADER_BYTES >= crate::ANSWER_BYTES);

/// Splits the first request off a batch: the bytes it takes, and the place where the next frame begins.
///
/// `at` is the place of a frame. `None` if its length says more than there is.
#[must_use]
pub fn next_frame(batch: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (len, rest) = batch.get(at..)?.split_first_chunk()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    Some((rest.get(..len)?, at.checked_add(FRAME_BYTES)?.checked_add(len)?))
}

/// Writes a frame's length at the front of `room`; `None` if it does not fit.
#[must_use]
pub fn put_frame_len(mut room: &mut [u8], len: usize) -> Option<()> {
    put(&mut room, &u32::try_from(len).ok()?.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_walked_and_short_ones_end_the_walk() {
        let batch = [2, 0, 0, 0, 8, 9, 0, 0, 0, 0, 255, 0, 0, 0, 1];
        assert_eq!(next_frame(&batch, 0), Some((&[8u8, 9][..], 6)));
        assert_eq!(next_frame(&batch, 6), Some((&[][..], 10)));
        assert_eq!(next_frame(&batch, 10), None, "255 bytes are not there");
        assert_eq!(next_frame(&batch, 12), None, "not even a length is there");
        assert_eq!(next_frame(&batch, usize::MAX), None);
        assert_eq!(next_frame(&[255; 9], 0), None);
    }

    #[test]
    fn a_length_is_written_where_there_is_room() {
        let mut room = [7; 5];
        assert_eq!(put_frame_len(&mut room, 258), Some(()));
        assert_eq!(room, [2, 1, 0, 0, 7]);
        assert_eq!(put_frame_len(&mut room[..3], 258), None);
        assert_eq!(put_frame_len(&mut room, usize::MAX), None);
    }
}
