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
    head.copy_from_slice(bytes);
    *room = rest;
    Some(())
}
