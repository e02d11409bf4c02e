//! Many requests in one call: each stands behind its length.

use crate::bytes::put;
use crate::decision::ANSWER_BYTES;
use crate::request::HEADER_BYTES;

/// Bytes of the length that goes before each request of a batch.
///
/// A frame and the smallest request together are longer than an answer
/// ([`ANSWER_BYTES`](crate::ANSWER_BYTES)), so the guest writes answer *i* over bytes that have been read, and a
/// batch costs no second buffer. For that to hold, a frame shorter than a request's header ends the walk.
pub const FRAME_BYTES: usize = 4;

const _: () = assert!(FRAME_BYTES + HEADER_BYTES >= ANSWER_BYTES);

/// Splits the first request off a batch: the bytes it takes, and the place where the next frame begins.
///
/// `at` is the place of a frame. `None` if its length says more than there is, or too little for a request.
#[inline(always)]
#[must_use]
pub fn next_frame(batch: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (len, rest) = batch.get(at..)?.split_first_chunk()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok().filter(|&len| len >= HEADER_BYTES)?;
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
    fn frames_are_walked_and_wrong_ones_end_the_walk() {
        let mut batch = [0; 60];
        batch[0] = 16;
        batch[20] = 17;
        batch[41] = 255;
        assert_eq!(next_frame(&batch, 0), Some((&batch[4..20], 20)));
        assert_eq!(next_frame(&batch, 20), Some((&batch[24..41], 41)));
        assert_eq!(next_frame(&batch, 41), None, "255 bytes are not there");
        assert_eq!(next_frame(&batch, 57), None, "not even a length is there");
        assert_eq!(next_frame(&batch, usize::MAX), None);
        assert_eq!(next_frame(&[255; 9], 0), None);
        batch[0] = 15;
        assert_eq!(
            next_frame(&batch, 0),
            None,
            "a shorter frame would be overwritten by the answer before it"
        );
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
