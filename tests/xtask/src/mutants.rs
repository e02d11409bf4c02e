//! `cargo xtask mutants`: breaks one statement about the watch at a time, and demands that a test notices.
//!
//! Each mutation is applied to a copy of the sources below `target/mutants`, cut down to what is pure, so that it builds
//! in seconds: the seam, the clock, the machine and the mirror. The tests beside them and the simulation run on it, each
//! by itself, and where a mutation says that one of them is to notice, that one must. A mutation whose text is not
//! found is an error, and so is a copy without any mutation that does not pass.

mod house;
mod list;

use std::fmt;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use self::house::{House, Said};
use self::list::{MUTATIONS, Mutation, Noticed};
use crate::workspace::Workspace;

/// Seeds of the simulation, an hour each: the rarest of what it has to notice shows within half of them.
const SEEDS: &str = "400";

/// What a suite said.
enum Verdict {
    Passed,
    /// With what it said first.
    Failed(String),
    /// It has not come to an end. That notices nothing: it may be the machine that is slow, and what hangs is to fail a
    /// test by its ceiling of steps.
    Hung,
}

/// With arguments: only mutations in whose statement or reason one of them occurs.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let chosen: Vec<&Mutation> = MUTATIONS.iter().filter(|mutation| mutation.is_chosen(arguments)).collect();
    let began = Instant::now();
    // Beside each other, and each in a house of its own: half the work of either is to wait for one compiler.
    let (by_tests, by_simulation) = thread::scope(|scope| {
        let tests = scope.spawn(|| verdicts(workspace, "tests", &chosen, House::test));
        let simulation = verdicts(workspace, "simulation", &chosen, |house| house.simulate(SEEDS));
        (tests.join(), simulation)
    });
    let by_tests = by_tests.map_err(|_| anyhow::anyhow!("a thread panicked"))??;
    let mut unnoticed = 0;
    for ((mutation, tests), simulation) in chosen.iter().zip(by_tests).zip(by_simulation?) {
        let is_noticed = mutation.noticed.is_so(&tests, &simulation);
        unnoticed += usize::from(!is_noticed);
        let verdict = if is_noticed { "noticed" } else { "NOT NOTICED" };
        println!("mutant: §{} {} ... {verdict}", mutation.statement, mutation.why);
        if !is_noticed {
            println!("        tests: {tests}\n        simulation: {simulation}");
        }
    }
    println!("{} mutants, {unnoticed} unnoticed, {} s", chosen.len(), began.elapsed().as_secs());
    if unnoticed > 0 {
        bail!("{unnoticed} mutants are not noticed as they should be");
    }
    Ok(())
}

impl Mutation {
    fn is_chosen(&self, words: &[String]) -> bool {
        let text = format!("§{} {}", self.statement, self.why);
        words.is_empty() || words.iter().any(|word| text.contains(word.as_str()))
    }
}

impl Noticed {
    fn is_so(self, tests: &Verdict, simulation: &Verdict) -> bool {
        let failed = |verdict: &Verdict| matches!(verdict, Verdict::Failed(_));
        match self {
            Self::Both => failed(tests) && failed(simulation),
            Self::Tests => failed(tests),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Failed(what) => write!(f, "failed: {what}"),
            Self::Hung => f.write_str("did not come to an end"),
        }
    }
}

/// What one suite says of each mutation, after it has passed without any.
fn verdicts(
    workspace: &Workspace,
    name: &str,
    chosen: &[&Mutation],
    suite: impl Fn(&House) -> Result<Said>,
) -> Result<Vec<Verdict>> {
    let house = House::set_up(workspace, name)?;
    let unmutated = verdict(&suite(&house)?);
    if !matches!(unmutated, Verdict::Passed) {
        bail!("without any mutation, the {name}: {unmutated}");
    }
    let mut verdicts = Vec::new();
    for mutation in chosen {
        let original = house.mutate(mutation)?;
        let said = suite(&house);
        house.restore(mutation, &original)?;
        let what = format!("§{} {}", mutation.statement, mutation.why);
        let verdict = verdict(&said.with_context(|| what.clone())?);
        eprintln!("{name}, {what}: {verdict}");
        verdicts.push(verdict);
    }
    Ok(verdicts)
}

/// The first line that tells what did not hold.
fn verdict(said: &Said) -> Verdict {
    match said.passed {
        Some(true) => return Verdict::Passed,
        Some(false) => {}
        None => return Verdict::Hung,
    }
    let telling = |line: &&str| {
        line.ends_with("... FAILED") || line.starts_with("seed ") || line.contains("of each other")
    };
    let what = said.text.lines().find(telling).or(said.text.lines().last()).unwrap_or("without a word");
    Verdict::Failed(what.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutant_is_noticed_only_by_whom_it_should_be() {
        let (passed, failed) = (Verdict::Passed, Verdict::Failed(String::new()));
        assert!(Noticed::Both.is_so(&failed, &failed));
        assert!(!Noticed::Both.is_so(&passed, &failed) && !Noticed::Both.is_so(&failed, &passed));
        assert!(Noticed::Tests.is_so(&failed, &passed) && !Noticed::Tests.is_so(&passed, &failed));
        assert!(
            !Noticed::Tests.is_so(&Verdict::Hung, &passed) && !Noticed::Both.is_so(&failed, &Verdict::Hung)
        );
    }

    #[test]
    fn no_two_mutations_are_the_same() {
        for (place, one) in MUTATIONS.iter().enumerate() {
            let same = MUTATIONS
                .iter()
                .skip(place + 1)
                .any(|other| (one.find, one.replace) == (other.find, other.replace));
            assert!(!same, "{}", one.why);
        }
    }
}
