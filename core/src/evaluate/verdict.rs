//! What is known of a decision so far.

use crate::decision::Decision;
use crate::directive::DirectiveIndex;
use crate::image::flags;
use crate::vocabulary::DiagLevel;

/// A decision in the making, as one number, which goes from hand to hand in a register: from its low end the complement
/// of the place of the directive that set the level, the level, and every flag of the directives that apply.
///
/// Level and complement together are the larger, the more a directive has to say: the highest level decides, and of that
/// the first.
#[derive(Clone, Copy)]
pub(super) struct Verdict(u64);

impl Verdict {
    /// No directive applies so far. There are fewer than the number of which the complement is zero.
    pub(super) const NONE: Self = Self(0);

    /// The bits of level and complement.
    const RANK: u64 = (1 << 40) - 1;

    fn rank(level: u8, place: u32) -> u64 {
        u64::from(level) << 32 | u64::from(!place)
    }

    fn flags(flags: u8) -> u64 {
        u64::from(flags) << 40
    }

    /// Whether directives with at most these flags and this level, none before `first`, could still add to it.
    #[inline(always)]
    pub(super) fn could_grow(self, flags: u8, level: u8, first: u32) -> bool {
        let flags = flags & (flags::SUPPRESS | flags::RING_BUFFER | flags::CAPTURE);
        Self::flags(flags) & !self.0 != 0 || Self::rank(level, first) > self.0 & Self::RANK
    }

    /// With a directive that applies.
    #[inline(always)]
    pub(super) fn with(self, flags: u8, level: u8, place: u32) -> Self {
        let rank = Self::rank(level, place).max(self.0 & Self::RANK);
        Self(self.0 & !Self::RANK | Self::flags(flags) | rank)
    }

    /// Whether a suppressing directive applies: then nothing else matters.
    #[inline(always)]
    pub(super) fn is_suppressed(self) -> bool {
        self.0 & Self::flags(flags::SUPPRESS) != 0
    }

    #[inline(always)]
    pub(super) fn decision(self) -> Decision {
        if self.0 == Self::NONE.0 || self.is_suppressed() {
            return Decision::OFF;
        }
        let [p0, p1, p2, p3, level, flags, ..] = self.0.to_le_bytes();
        Decision {
            level: DiagLevel::from_code(level).unwrap_or(DiagLevel::Off),
            ring_buffer: flags & flags::RING_BUFFER != 0,
            capture: flags & flags::CAPTURE != 0,
            decided_by: Some(DirectiveIndex::new(!u32::from_le_bytes([p0, p1, p2, p3]))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_level_decides_and_of_that_the_first_whatever_the_order() {
        let said = [(1, 5), (3, 7), (3, 4), (2, 0), (0, 1)];
        let decided = |said: &mut dyn Iterator<Item = &(u8, u32)>| {
            said.fold(Verdict::NONE, |verdict, &(level, place)| verdict.with(0, level, place)).decision()
        };
        for decision in [decided(&mut said.iter()), decided(&mut said.iter().rev())] {
            assert_eq!(decision.level, DiagLevel::ShapeRewriteDiff);
            assert_eq!(decision.decided_by, Some(DirectiveIndex::new(4)));
        }
        let off = Verdict::NONE.with(flags::CAPTURE, 0, 9).decision();
        assert_eq!((off.level, off.capture, off.ring_buffer), (DiagLevel::Off, true, false));
        assert_eq!(off.decided_by, Some(DirectiveIndex::new(9)), "one that applies decides, be it off");
        assert_eq!(Verdict::NONE.decision(), Decision::OFF);
    }

    #[test]
    fn what_could_say_no_more_cannot_grow() {
        let verdict = Verdict::NONE.with(flags::CAPTURE | flags::SALTED, 2, 5);
        assert!(!verdict.could_grow(flags::CAPTURE | flags::NOT_BEFORE, 2, 5));
        assert!(verdict.could_grow(0, 2, 4) && verdict.could_grow(0, 3, 9) && !verdict.could_grow(0, 1, 0));
        assert!(verdict.could_grow(flags::RING_BUFFER, 0, 9) && verdict.could_grow(flags::SUPPRESS, 0, 9));
        let suppressed = verdict.with(flags::SUPPRESS, 0, 8);
        assert!(suppressed.is_suppressed() && !verdict.is_suppressed());
        assert_eq!(suppressed.decision(), Decision::OFF);
    }
}
