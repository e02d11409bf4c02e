//! Numbers that differ from worker to worker and from proxy to proxy, so that not all of them call at once.

/// A small generator of numbers that need not be secret (SplitMix64, by Sebastiano Vigna, in the public domain).
#[derive(Clone, Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`; zero if that is zero.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(end).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fill_their_range_and_differ_by_seed() {
        let draw = |seed| {
            let mut jitter = Jitter::new(seed);
            (0..1000).map(|_| jitter.below(10)).collect::<Vec<_>>()
        };
        assert!((0..10).all(|number| draw(1).iter().filter(|&&drawn| drawn == number).count() > 50));
        assert!(draw(1).iter().all(|&number| number < 10));
        assert_ne!(draw(1), draw(2));
        assert_eq!(Jitter::new(3).below(0), 0);
    }
}
