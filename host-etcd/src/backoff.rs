//! Delays between retries: exponential, with full jitter from the very first one.
//!
//! A fixed delay makes a whole fleet dial in the same instant after an outage. With *full* jitter each delay is drawn
//! evenly from zero up to a ceiling that doubles, so that the fleet spreads over the ceiling
//! ([Exponential Backoff And Jitter](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)).

use std::time::Duration;

use fastrand::Rng;

/// An endless iterator of delays. The same seed gives the same delays.
#[derive(Clone, Debug)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    /// How many delays have been drawn since the last reset.
    round: u32,
    random: Rng,
}

impl Backoff {
    /// Delays from zero up to `base`, then up to twice that, and so on, but never above `cap`.
    #[must_use]
    pub fn new(base: Duration, cap: Duration, seed: u64) -> Self {
        Self { base, cap, round: 0, random: Rng::with_seed(seed) }
    }

    /// Starts over with the smallest ceiling. To be called after a stretch of health, not at the first success: a link
    /// that breaks each two seconds is not healthy.
    pub fn reset(&mut self) {
        self.round = 0;
    }

    /// The next delay.
    pub fn next_delay(&mut self) -> Duration {
        let ceiling =
            1_u32.checked_shl(self.round).map_or(self.cap, |factor| self.base.saturating_mul(factor));
        self.round = self.round.saturating_add(1);
        self.jitter(ceiling.min(self.cap))
    }

    /// A duration drawn evenly from zero up to `ceiling`.
    pub fn jitter(&mut self, ceiling: Duration) -> Duration {
        let micros = u64::try_from(ceiling.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.random.u64(0..=micros))
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.next_delay())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_millis(800);
    const CAP: Duration = Duration::from_secs(10);

    #[test]
    fn ceilings_double_up_to_the_cap() {
        for seed in 0..500 {
            let delays = Backoff::new(BASE, CAP, seed).take(40);
            let ceilings = [800, 1600, 3200, 6400].into_iter().chain(std::iter::repeat(10_000));
            for (delay, ceiling) in delays.zip(ceilings) {
                assert!(delay <= Duration::from_millis(ceiling), "seed {seed}: {delay:?} above {ceiling} ms");
            }
        }
    }

    #[test]
    fn the_very_first_delay_is_spread_over_its_whole_ceiling() {
        let mut windows = [0_u32; 16];
        for seed in 0..1_600 {
            let micros = Backoff::new(BASE, CAP, seed).next_delay().as_micros();
            let window = usize::try_from(micros / 50_001).expect("small");
            windows[window] += 1;
        }
        assert!(windows.iter().all(|&count| (50..200).contains(&count)), "{windows:?}");
    }

    #[test]
    fn a_seed_replays_and_a_reset_starts_over() {
        let mut one = Backoff::new(BASE, CAP, 3);
        assert!(one.clone().take(50).eq(Backoff::new(BASE, CAP, 3).take(50)));
        let later = one.by_ref().take(30).max().expect("thirty");
        assert!(later > BASE);
        one.reset();
        assert!(one.next_delay() <= BASE);
    }
}
