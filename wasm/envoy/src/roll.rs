//! Which instances of the filter are there. A VM that trapped cannot say so, and Envoy counts it nowhere; that it no longer
//! answers the roll is noticed by the others.

use alloc::vec::Vec;

use aldis_core::UnixMillis;

use crate::limits::{LEASE_MS, MAX_INSTANCES};

/// The instances, by ticket, and when each was last there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Roll(Vec<(u64, UnixMillis)>);

impl Roll {
    /// The instance `me` is there. Strikes those off that were silent for too long, and says how many.
    pub(crate) fn answer(&mut self, me: u64, now: UnixMillis) -> u64 {
        self.leave(me);
        let before = self.0.len();
        self.0.retain(|(_, seen)| now.saturating_since(*seen).as_millis() <= LEASE_MS.into());
        let silent = before.saturating_sub(self.0.len());
        // Were the clock set back, what is to come would stay for ever.
        self.0.iter_mut().for_each(|(_, seen)| *seen = now.min(*seen));
        if self.0.len() < MAX_INSTANCES {
            self.0.push((me, now));
        }
        u64::try_from(silent).unwrap_or(u64::MAX)
    }

    /// The instance `me` ends as it should.
    pub(crate) fn leave(&mut self, me: u64) {
        self.0.retain(|(ticket, _)| *ticket != me);
    }

    /// How many there are.
    pub(crate) fn present(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let numbers = self.0.iter().flat_map(|(ticket, seen)| [*ticket, seen.as_u64()]);
        numbers.flat_map(u64::to_le_bytes).collect()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let instance = |[ticket, seen]: &[[u8; 8]; 2]| {
            (u64::from_le_bytes(*ticket), UnixMillis::new(u64::from_le_bytes(*seen)))
        };
        Self(bytes.as_chunks::<8>().0.as_chunks::<2>().0.iter().map(instance).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    fn at(millis: u64) -> UnixMillis {
        UnixMillis::new(NOW + millis)
    }

    #[test]
    fn whoever_is_silent_is_struck_off_once_and_whoever_leaves_is_not_missed() {
        let mut roll = Roll::default();
        for instance in 1..=4 {
            assert_eq!(roll.answer(instance, at(0)), 0);
        }
        roll.leave(4);
        assert_eq!((roll.answer(1, at(LEASE_MS)), roll.present()), (0, 3));
        assert_eq!((roll.answer(1, at(LEASE_MS + 1)), roll.present()), (2, 1));
        assert_eq!((roll.answer(2, at(LEASE_MS + 2)), roll.present()), (0, 2));
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nobody_for_ever() {
        let mut roll = Roll::default();
        roll.answer(1, at(3_600_000));
        assert_eq!(roll.answer(2, at(0)), 0);
        assert_eq!((roll.answer(2, at(LEASE_MS + 1)), roll.present()), (1, 1));
    }

    #[test]
    fn bytes_keep_the_roll_and_there_is_an_end_to_it() {
        let mut roll = Roll::default();
        for instance in 0..2 * MAX_INSTANCES as u64 {
            roll.answer(instance, at(0));
        }
        assert_eq!(roll.present(), MAX_INSTANCES as u64);
        assert_eq!(Roll::from_bytes(&roll.to_bytes()), roll);
        assert_eq!(Roll::from_bytes(&[1; 15]), Roll::default());
    }
}
