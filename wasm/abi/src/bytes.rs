//! Little-endian fields out of and into byte slices, without a slice index that could be wrong.

/// Takes `N` bytes off the front.
#[inline(always)]
pub(crate) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*head)
}

/// Takes a little-endian `u32` off the front.
#[inline(always)]
pub(crate) fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    take(bytes).map(u32::from_le_bytes)
}

/// Takes a little-endian `u64` off the front.
#[inline(always)]
pub(crate) fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    take(bytes).map(u64::from_le_bytes)
}

/// Writes at the front and leaves what follows; `None` if there is no room.
#[inline(always)]
pub(crate) fn put(room: &mut &mut [u8], bytes: &[u8]) -> Option<()> {
    let (head, rest) = core::mem::take(room).split_at_mut_checked(bytes.len())?;
    copy(bytes, head);
    *room = rest;
    Some(())
}

/// Between slices of one length. Most texts have between eight and sixteen bytes: those are two words that may overlap,
/// and to call the platform's `memcpy` for them would cost more than to copy them.
#[inline(always)]
fn copy(from: &[u8], to: &mut [u8]) {
    if let (8..=16, Some(first), Some(last)) = (from.len(), from.first_chunk::<8>(), from.last_chunk::<8>()) {
        if let Some(to) = to.first_chunk_mut() {
            *to = *first;
        }
        if let Some(to) = to.last_chunk_mut() {
            *to = *last;
        }
    } else {
        to.copy_from_slice(from);
    }
}
