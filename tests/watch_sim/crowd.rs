//! What many runs come to together.

use std::fmt;
use std::time::Duration;

use crate::run::Day;
use crate::tally::Tally;

/// A first retry is drawn from 800 ms; a crowd is looked at in windows of a sixteenth of that.
const WINDOW: Duration = Duration::from_millis(50);

/// Below so many samples nothing is said about their spread.
const SAMPLES: usize = 400;

/// Many runs.
#[derive(Clone, Debug, Default)]
pub struct Crowd {
    runs: u64,
    steps: u64,
    /// With the seeds.
    slowest: (Duration, u64),
    slowest_with_a_read: (Duration, u64),
    /// Of the first retries, by window.
    first_delays: Vec<u32>,
    tally: Tally,
}

impl Crowd {
    /// Takes a run in.
    pub fn join(&mut self, seed: u64, day: &Day) {
        self.runs += 1;
        self.steps += day.steps;
        self.slowest = self.slowest.max((day.slowest, seed));
        self.slowest_with_a_read = self.slowest_with_a_read.max((day.slowest_with_a_read, seed));
        self.tally.add(&day.tally);
        if let Some(delay) = day.first_delay {
            let window = usize::try_from(delay.as_micros() / WINDOW.as_micros()).expect("small");
            let windows = self.first_delays.len().max(window + 1);
            self.first_delays.resize(windows, 0);
            self.first_delays[window] += 1;
        }
    }

    /// Takes in what another thread has gathered.
    pub fn merge(&mut self, other: &Self) {
        self.runs += other.runs;
        self.steps += other.steps;
        self.slowest = self.slowest.max(other.slowest);
        self.slowest_with_a_read = self.slowest_with_a_read.max(other.slowest_with_a_read);
        self.tally.add(&other.tally);
        let windows = self.first_delays.len().max(other.first_delays.len());
        self.first_delays.resize(windows, 0);
        for (count, more) in self.first_delays.iter_mut().zip(&other.first_delays) {
            *count += more;
        }
    }

    /// How many runs these were.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// What does not hold for the crowd though it does for each run: every fault must have happened, and first retries
    /// must be spread.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        let missing: Vec<_> = self.tally.missing().collect();
        if !missing.is_empty() {
            return Some(format!(
                "faults that never happened, so nothing was tested against them: {missing:?}"
            ));
        }
        let samples: u32 = self.first_delays.iter().sum();
        let fullest = self.first_delays.iter().max().copied().unwrap_or_default();
        // Evenly, each of sixteen windows has a sixteenth; those that count as waiting make the first ones fuller.
        (usize::try_from(samples).is_ok_and(|samples| samples >= SAMPLES) && fullest * 5 > samples)
            .then(|| format!("{fullest} of {samples} first retries come within {WINDOW:?} of each other"))
    }
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((took, seed), (with_a_read, its_seed)) = (self.slowest, self.slowest_with_a_read);
        writeln!(f, "{} runs, {} steps", self.runs, self.steps)?;
        writeln!(f, "slowest to converge: {took:?} (seed {seed})")?;
        writeln!(f, "where only a read can tell: {with_a_read:?} (seed {its_seed})")?;
        self.tally.fmt(f)
    }
}
