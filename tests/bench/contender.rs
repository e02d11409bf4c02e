//! One implementation of what is asked, and whether several say the same.

use std::fmt;
use std::hint::black_box;
use std::iter::Cycle;
use std::slice;
use std::time::{Duration, Instant};

use thiserror::Error;

/// Who takes longer than this for one answer is compared on a sample of the cases.
const SLOW: Duration = Duration::from_micros(500);
const SAMPLE: usize = 64;

/// One implementation, with the cases prepared in the form it likes best.
pub struct Contender<'a> {
    name: String,
    asked: Box<dyn Asked + 'a>,
}

impl<'a> Contender<'a> {
    /// `ask` is what is timed; `code` turns its answer into what all contenders of a workload have in common. At least
    /// one case is needed: without any, nobody agrees with anybody.
    pub fn new<R: 'a, A: 'a>(
        name: impl Into<String>,
        cases: &'a [R],
        ask: impl FnMut(&R) -> A + 'a,
        code: impl Fn(A) -> u64 + 'a,
    ) -> Self {
        let asked = Asking { cases, upcoming: cases.iter().cycle(), ask, code };
        Self { name: name.into(), asked: Box::new(asked) }
    }

    /// What the table calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks `count` times, going round the cases, and forgets the answers.
    pub(crate) fn run(&mut self, count: u64) {
        self.asked.run(count);
    }
}

impl Contender<'_> {
    /// Goes round the cases, though not for longer than the turn of `count` answers that follows.
    pub(crate) fn warm_up(&mut self, count: u64) {
        self.run(count.min(self.asked.cases() as u64));
    }
}

impl fmt::Debug for Contender<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contender").field("name", &self.name).finish_non_exhaustive()
    }
}

trait Asked {
    fn cases(&self) -> usize;
    fn answer(&mut self, case: usize) -> Option<u64>;
    fn run(&mut self, count: u64);
}

/// The loop lies in here, so that `ask` is called directly and may be inlined, as in a program that uses it.
struct Asking<'a, R, F, C> {
    cases: &'a [R],
    upcoming: Cycle<slice::Iter<'a, R>>,
    ask: F,
    code: C,
}

impl<R, A, F: FnMut(&R) -> A, C: Fn(A) -> u64> Asked for Asking<'_, R, F, C> {
    fn cases(&self) -> usize {
        self.cases.len()
    }

    fn answer(&mut self, case: usize) -> Option<u64> {
        let answer = (self.ask)(self.cases.get(case)?);
        Some((self.code)(answer))
    }

    fn run(&mut self, count: u64) {
        for _ in 0..count {
            let Some(case) = self.upcoming.next() else { return };
            black_box((self.ask)(black_box(case)));
        }
    }
}

/// Two contenders of one workload do not do the same work, so that their times say nothing about each other.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Disagreement {
    /// Different answers.
    #[error("case {case}: {one} answers {ones}, {other} answers {others}")]
    Answers {
        /// Which case.
        case: usize,
        /// Who is taken for right: the first.
        one: String,
        /// What it answers.
        ones: u64,
        /// Who differs.
        other: String,
        /// What that one answers.
        others: u64,
    },
    /// There is no case, or not the same number of them for all.
    #[error("{one} has {ones} cases, {other} has {others}, and each needs at least one")]
    Cases {
        /// The first contender.
        one: String,
        /// How many it has.
        ones: usize,
        /// Another, or the same.
        other: String,
        /// How many that one has.
        others: usize,
    },
}

/// Whether all give the answers of the first. Gives how many different answers there were: one alone proves little.
///
/// # Errors
///
/// The first difference.
pub fn agree(contenders: &mut [Contender<'_>]) -> Result<usize, Disagreement> {
    let Some((first, others)) = contenders.split_first_mut() else { return Ok(0) };
    let expected = answers(first, usize::MAX);
    for other in others.iter_mut() {
        check_counts(first, other)?;
        let given = answers(other, expected.len());
        for (case, (&ones, &others)) in expected.iter().zip(&given).enumerate() {
            if ones != others {
                let (one, other) = (first.name.clone(), other.name.clone());
                return Err(Disagreement::Answers { case, one, ones, other, others });
            }
        }
    }
    check_counts(first, first)?;
    let mut distinct = expected;
    distinct.sort_unstable();
    distinct.dedup();
    Ok(distinct.len())
}

fn check_counts(one: &Contender<'_>, other: &Contender<'_>) -> Result<(), Disagreement> {
    let (ones, others) = (one.asked.cases(), other.asked.cases());
    if ones == others && ones > 0 {
        return Ok(());
    }
    Err(Disagreement::Cases { one: one.name.clone(), ones, other: other.name.clone(), others })
}

/// The answers to the cases in order; of somebody slow, only to the first [`SAMPLE`].
fn answers(contender: &mut Contender<'_>, at_most: usize) -> Vec<u64> {
    let begun = Instant::now();
    let mut given = Vec::new();
    while given.len() < at_most {
        let asked = u32::try_from(given.len()).unwrap_or(u32::MAX);
        if given.len() >= SAMPLE && begun.elapsed() > SLOW.saturating_mul(asked) {
            break;
        }
        let Some(answer) = contender.asked.answer(given.len()) else { break };
        given.push(answer);
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASES: &[u64] = &[1, 2, 3];

    #[test]
    fn who_answers_alike_agrees() {
        let mut contenders = [
            Contender::new("adds", CASES, |case| case + case, |sum| sum),
            Contender::new("multiplies", CASES, |case| case * 2, |product| product),
        ];
        assert_eq!(agree(&mut contenders), Ok(3));
        assert_eq!(agree(&mut []), Ok(0));
    }

    /// The known-bad twin of every benchmark.
    #[test]
    fn who_answers_otherwise_in_one_case_is_named() {
        let mut contenders = [
            Contender::new("right", CASES, |case| *case, |answer| answer),
            Contender::new("right as well", CASES, |case| *case, |answer| answer),
            Contender::new("wrong", CASES, |case| case.min(&2).to_owned(), |answer| answer),
        ];
        let difference = Disagreement::Answers {
            case: 2,
            one: "right".to_owned(),
            ones: 3,
            other: "wrong".to_owned(),
            others: 2,
        };
        assert_eq!(agree(&mut contenders), Err(difference));
    }

    #[test]
    fn nobody_agrees_on_nothing_nor_on_other_cases() {
        let echo = |cases| Contender::new("echo", cases, |case: &u64| *case, |answer| answer);
        assert!(matches!(agree(&mut [echo(&[])]), Err(Disagreement::Cases { .. })));
        assert!(matches!(agree(&mut [echo(CASES), echo(&[1, 2])]), Err(Disagreement::Cases { .. })));
    }
}
