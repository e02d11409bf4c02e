//! Contenders that take turns. Before each turn a contender goes round its cases once, untimed, for the caches hold what
//! the one before it left there.

use std::time::Duration;

use thiserror::Error;

use crate::clock::Clock;
use crate::contender::{Contender, Disagreement, agree};
use crate::stats::median;

/// How long a race takes.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How often each contender has its turn.
    pub rounds: usize,
    /// How long a turn should take at least: long against reading the clock, short against a time slice. Who needs
    /// longer for one answer gives one.
    pub turn: Duration,
}

impl Pace {
    /// For answers within microseconds.
    pub const QUICK: Self = Self { rounds: 151, turn: Duration::from_micros(300) };
    /// For work of milliseconds.
    pub const LONG: Self = Self { rounds: 31, turn: Duration::from_millis(1) };
    /// For work of a good part of a second.
    pub const FEW: Self = Self { rounds: 7, turn: Duration::from_millis(1) };
}

/// What one contender took.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// The contender's name.
    pub name: String,
    /// Nanoseconds for one answer, the median of the rounds.
    pub nanos: f64,
}

/// Why a race has no result.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RaceError {
    /// The contenders do not do the same.
    #[error(transparent)]
    Disagreement(#[from] Disagreement),
    /// No round was run.
    #[error("{0} was given no round")]
    NoRounds(String),
}

/// Has all contenders answer all cases alike, then lets them take turns, and gives each one's median, in their order.
///
/// # Errors
///
/// If their answers differ; then no time was taken.
pub fn race(
    contenders: &mut [Contender<'_>],
    pace: Pace,
    clock: &dyn Clock,
) -> Result<Vec<Timing>, RaceError> {
    agree(contenders)?;
    let turns: Vec<u64> =
        contenders.iter_mut().map(|contender| answers_per_turn(contender, pace, clock)).collect();
    let mut samples = vec![Vec::with_capacity(pace.rounds); contenders.len()];
    for _ in 0..pace.rounds {
        for ((contender, &count), samples) in contenders.iter_mut().zip(&turns).zip(&mut samples) {
            contender.warm_up(count);
            samples.push(nanos_each(spent(contender, count, clock), count));
        }
    }
    let timing = |(contender, samples): (&Contender<'_>, &Vec<f64>)| {
        let name = contender.name().to_owned();
        let Some(nanos) = median(samples) else { return Err(RaceError::NoRounds(name)) };
        Ok(Timing { name, nanos })
    };
    contenders.iter().zip(&samples).map(timing).collect()
}

/// Doubles until a turn is long enough.
fn answers_per_turn(contender: &mut Contender<'_>, pace: Pace, clock: &dyn Clock) -> u64 {
    let mut count = 1;
    while {
        contender.warm_up(count);
        spent(contender, count, clock) < pace.turn && count < 1 << 40
    } {
        count *= 2;
    }
    count
}

fn spent(contender: &mut Contender<'_>, count: u64, clock: &dyn Clock) -> Duration {
    let begun = clock.now();
    contender.run(count);
    clock.now().saturating_sub(begun)
}

fn nanos_each(spent: Duration, count: u64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a count of answers is far below 2^52")]
    let count = count as f64;
    spent.as_secs_f64() * 1e9 / count
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    const CASES: &[u64] = &[1, 2];
    const SHORT: Pace = Pace { rounds: 5, turn: Duration::from_nanos(1) };

    /// Time that passes only while somebody answers.
    #[derive(Default)]
    struct Told(Cell<u64>);

    impl Told {
        fn pass(&self, nanos: u64) {
            self.0.set(self.0.get() + nanos);
        }
    }

    impl Clock for Told {
        fn now(&self) -> Duration {
            Duration::from_nanos(self.0.get())
        }
    }

    #[test]
    fn each_has_the_median_of_its_turns_and_turns_alternate() {
        let clock = Told::default();
        let order = RefCell::new(String::new());
        let takes = |name: char, nanos: u64| {
            let (clock, order) = (&clock, &order);
            let ask = move |case: &u64| {
                order.borrow_mut().push(name);
                clock.pass(nanos);
                *case
            };
            Contender::new(name, CASES, ask, |answer| answer)
        };
        let timings = race(&mut [takes('a', 7), takes('b', 40)], SHORT, &clock);
        let timing = |name: &str, nanos| Timing { name: name.to_owned(), nanos };
        assert_eq!(timings, Ok(vec![timing("a", 7.0), timing("b", 40.0)]));
        assert!(order.borrow().ends_with("aabbaabbaabbaabbaabb"), "{}", order.borrow());
    }

    #[test]
    fn a_turn_is_long_enough_whatever_one_answer_takes() {
        let clock = Told::default();
        let ask = |case: &u64| {
            clock.pass(3);
            *case
        };
        let mut contender = Contender::new("quick", CASES, ask, |answer| answer);
        let pace = Pace { rounds: 1, turn: Duration::from_nanos(100) };
        assert_eq!(answers_per_turn(&mut contender, pace, &clock), 64);
    }

    #[test]
    fn who_disagrees_is_not_timed() {
        let clock = Told::default();
        let wrong = |case: &u64| {
            clock.pass(1);
            case + 1
        };
        let mut contenders = [
            Contender::new("right", CASES, |case| *case, |answer| answer),
            Contender::new("wrong", CASES, wrong, |answer| answer),
        ];
        assert!(matches!(race(&mut contenders, SHORT, &clock), Err(RaceError::Disagreement(_))));
        assert_eq!(clock.now(), Duration::from_nanos(2), "asked once for each case, before any turn");
    }

    #[test]
    fn without_a_round_there_is_no_result() {
        let mut contenders = [Contender::new("idle", CASES, |case| *case, |answer| answer)];
        let none = Pace { rounds: 0, turn: Duration::ZERO };
        let result = race(&mut contenders, none, &Told::default());
        assert_eq!(result, Err(RaceError::NoRounds("idle".to_owned())));
    }
}
