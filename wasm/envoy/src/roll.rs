//! Which instances of the filter are there. A VM that trapped cannot say so, and Envoy counts it nowhere; that it no longer
//! answers the roll is noticed by the others.

use alloc::vec::Vec;

use aldis_core::UnixMillis;

use crate::limits::MAX_INSTANCES;

/// The instances that are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Roll(Vec<Present>);

/// One that has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Present {
    ticket: u64,
    seen: UnixMillis,
    /// For how long it may be silent: it says so itself, as configurations may differ.
    silence_ms: u64,
}

impl Roll {
    /// The instance `me` is there, and may be silent for so long from now on. Strikes those off that were silent for too
    /// long, and says how many.
    pub(crate) fn answer(&mut self, me: u64, now: UnixMillis, silence_ms: u64) -> u64 {
        self.leave(me);
        let before = self.0.len();
        self.0.retain(|one| now.saturating_since(one.seen).as_millis() <= one.silence_ms.into());
        let silent = before.saturating_sub(self.0.len());
        // Were the clock set back, what is to come would stay for ever.
        self.0.iter_mut().for_each(|one| one.seen = now.min(one.seen));
        if self.0.len() < MAX_INSTANCES {
            self.0.push(Present { ticket: me, seen: now, silence_ms });
        }
        u64::try_from(silent).unwrap_or(u64::MAX)
    }

    /// The instance `me` ends as it should.
    pub(crate) fn leave(&mut self, me: u64) {
        self.0.retain(|one| one.ticket != me);
    }

    /// How many there are.
    pub(crate) fn present(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let numbers = self.0.iter().flat_map(|one| [one.ticket, one.seen.as_u64(), one.silence_ms]);
        numbers.flat_map(u64::to_le_bytes).collect()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let instance = |numbers: &[[u8; 8]; 3]| {
            let [ticket, seen, silence_ms] = numbers.map(u64::from_le_bytes);
            Present { ticket, seen: UnixMillis::new(seen), silence_ms }
        };
        Self(bytes.as_chunks::<8>().0.as_chunks::<3>().0.iter().map(instance).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    const SILENCE: u64 = 3_000;

    fn at(millis: u64) -> UnixMillis {
        UnixMillis::new(NOW + millis)
    }

    #[test]
    fn whoever_is_silent_is_struck_off_once_and_whoever_leaves_is_not_missed() {
        let mut roll = Roll::default();
        for instance in 1..=4 {
            assert_eq!(roll.answer(instance, at(0), SILENCE), 0);
        }
        roll.leave(4);
        assert_eq!((roll.answer(1, at(SILENCE), SILENCE), roll.present()), (0, 3));
        assert_eq!((roll.answer(1, at(SILENCE + 1), SILENCE), roll.present()), (2, 1));
        assert_eq!((roll.answer(2, at(SILENCE + 2), SILENCE), roll.present()), (0, 2));
    }

    #[test]
    fn each_may_be_silent_for_as_long_as_it_has_said() {
        let mut roll = Roll::default();
        roll.answer(1, at(0), 10 * SILENCE);
        roll.answer(2, at(0), SILENCE);
        assert_eq!((roll.answer(3, at(10 * SILENCE), SILENCE), roll.present()), (1, 2));
        assert_eq!((roll.answer(3, at(10 * SILENCE + 1), SILENCE), roll.present()), (1, 1));
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nobody_for_ever() {
        let mut roll = Roll::default();
        roll.answer(1, at(3_600_000), SILENCE);
        assert_eq!(roll.answer(2, at(0), SILENCE), 0);
        assert_eq!((roll.answer(2, at(SILENCE + 1), SILENCE), roll.present()), (1, 1));
    }

    #[test]
    fn bytes_keep_the_roll_and_there_is_an_end_to_it() {
        let mut roll = Roll::default();
        for instance in 0..2 * MAX_INSTANCES as u64 {
            roll.answer(instance, at(0), SILENCE);
        }
        assert_eq!(roll.present(), MAX_INSTANCES as u64);
        assert_eq!(Roll::from_bytes(&roll.to_bytes()), roll);
        assert_eq!(Roll::from_bytes(&[1; 23]), Roll::default());
    }
}
