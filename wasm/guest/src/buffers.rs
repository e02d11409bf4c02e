//! Memory that is used again. A guest's memory never shrinks, so two allocations for sets take turns: the one that a
//! replaced set leaves is the one that the host writes the next set into.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use aldis_abi::Status;

/// A set gets this part of its size as a margin, so that successors of nearly the same size fit where it was.
const MARGIN: usize = 32;

/// Bytes that each of the small buffers has from the beginning; an ordinary host needs no more.
const SMALL: usize = 4096;

/// The buffers of a guest.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// Requests, from the host.
    pub(crate) request: Vec<u8>,
    /// Answers of more than an integer, to the host.
    pub(crate) output: Vec<u8>,
    /// Why the last load was refused.
    pub(crate) refusal: String,
    /// The next set, from the host; as long as was reserved.
    incoming: Vec<u8>,
    /// What the last set but one lay in.
    spare: Vec<u8>,
}

impl Buffers {
    pub(crate) const fn new() -> Self {
        Self {
            request: Vec::new(),
            output: Vec::new(),
            refusal: String::new(),
            incoming: Vec::new(),
            spare: Vec::new(),
        }
    }

    pub(crate) fn reserve_request(&mut self, len: usize) -> Result<&mut [u8], Status> {
        lengthen(&mut self.request, len.max(SMALL))?;
        Ok(&mut self.request)
    }

    pub(crate) fn reserve_set(&mut self, len: usize) -> Result<&mut [u8], Status> {
        self.drop_incoming();
        self.make_small_ones()?;
        let mut room = mem::take(&mut self.spare);
        if !fits(room.capacity(), len) {
            // Gone before its successor is asked for, so that the two never need room at the same time.
            drop(mem::take(&mut room));
            let margin = len / MARGIN;
            let reserved = room.try_reserve_exact(len.saturating_add(margin));
            reserved.or_else(|_| room.try_reserve_exact(len)).map_err(|_| Status::OutOfMemory)?;
        }
        // Writes zeros only over what was never written.
        room.resize(len, 0);
        self.incoming = room;
        Ok(&mut self.incoming)
    }

    /// Takes the set's buffer away.
    pub(crate) fn take_incoming(&mut self) -> Vec<u8> {
        mem::take(&mut self.incoming)
    }

    /// Gives the set's buffer up unused.
    pub(crate) fn drop_incoming(&mut self) {
        let incoming = self.take_incoming();
        self.give_back(incoming);
    }

    /// Keeps an allocation for the next set.
    pub(crate) fn give_back(&mut self, room: Vec<u8>) {
        if room.capacity() > self.spare.capacity() {
            self.spare = room;
        }
    }

    /// Keeps why, in memory that is there already.
    pub(crate) fn refuse(&mut self, why: &str) {
        self.refusal.clear();
        self.refusal.push_str(why);
    }

    fn make_small_ones(&mut self) -> Result<(), Status> {
        if self.output.capacity() > SMALL {
            self.output = Vec::new();
        }
        self.output.clear();
        lengthen(&mut self.request, SMALL)?;
        self.output.try_reserve_exact(SMALL).map_err(|_| Status::OutOfMemory)?;
        self.refusal.try_reserve(SMALL).map_err(|_| Status::OutOfMemory)
    }
}

/// Whether an allocation does for a set: large enough, and not so large that most of it would lie idle.
const fn fits(capacity: usize, len: usize) -> bool {
    capacity >= len && capacity / 2 <= len.saturating_add(SMALL)
}

/// Makes `buffer` at least `len` bytes long, without ever asking the allocator for something it cannot refuse.
fn lengthen(buffer: &mut Vec<u8>, len: usize) -> Result<(), Status> {
    let missing = len.saturating_sub(buffer.len());
    if missing > 0 {
        buffer.try_reserve_exact(missing).map_err(|_| Status::OutOfMemory)?;
        buffer.resize(len, 0);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_nearly_one_size_take_turns_in_two_allocations() {
        let mut buffers = Buffers::new();
        let mut in_force = Vec::new();
        let mut places = Vec::new();
        for len in [32_000, 32_500, 33_000, 31_000, 20_000, 33_000] {
            assert_eq!(buffers.reserve_set(len).unwrap().len(), len);
            let set = buffers.take_incoming();
            places.push(set.as_ptr());
            buffers.give_back(mem::replace(&mut in_force, set));
        }
        assert_eq!(places[0], places[2]);
        assert_eq!(places[1], places[3]);
        assert_eq!(places[2..4], places[4..6]);
    }

    #[test]
    fn what_is_too_large_by_far_is_given_up() {
        assert!(fits(100_000, 100_000) && fits(100_000, 46_000) && fits(5_000, 0));
        assert!(!fits(99_999, 100_000) && !fits(100_000, 40_000));
    }

    #[test]
    fn a_buffer_that_is_not_loaded_is_not_lost() {
        let mut buffers = Buffers::new();
        let first = buffers.reserve_set(50_000).unwrap().as_ptr();
        assert_eq!(buffers.reserve_set(50_001).unwrap().as_ptr(), first);
    }

    #[test]
    fn what_grew_for_once_does_not_stay() {
        let mut buffers = Buffers::new();
        buffers.output.resize(SMALL + 1, 0);
        buffers.reserve_set(10).unwrap();
        assert_eq!(buffers.output.capacity(), SMALL);
        assert_eq!(buffers.take_incoming().len(), 10);
        assert!(buffers.take_incoming().is_empty());
    }
}
