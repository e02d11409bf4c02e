//! The vectors: what Aldis means, as data. Each file under `tests/vectors` is one document with what must come of it, and
//! every engine runs every one. The format is described in `tests/vectors/README.md`.
//!
//! An engine joins by one [`Engine`]: how a document is loaded, and how it is asked.

use aldis_core::UnixMillis;

mod bless;
mod body;
mod case;
mod engine;
mod native;
mod pairs;

pub use bless::{bless, written};
pub use case::{Case, Decided, Refusal, Request, Vector, Verdict, all, parse};
pub use engine::{Engine, Explained};
pub use native::{Image, Native};
pub use pairs::Pairs;

/// Runs the cases on an engine; a line for each thing that is not as its vector says.
pub fn differences(engine: &mut dyn Engine, cases: &[Case]) -> Vec<String> {
    cases.iter().flat_map(|case| of_one_case(engine, case)).collect()
}

fn of_one_case(engine: &mut dyn Engine, case: &Case) -> Vec<String> {
    let vector = &case.vector;
    let loaded = engine.load(&vector.body(), vector.anchor());
    let at = format!("{} on {}", case.name, engine.name());
    match (loaded, &vector.refused, &vector.decisions) {
        (Err(got), Some(expected), None) if got == *expected => Vec::new(),
        (Err(got), Some(expected), None) => vec![format!("{at}: expected {expected:?}, got {got:?}")],
        (Err(got), ..) => vec![format!("{at}: expected it to load, got {got:?}")],
        (Ok(()), Some(expected), _) => vec![format!("{at}: expected {expected:?}, but it loads")],
        (Ok(()), None, decisions) => {
            let asked = decisions.iter().flatten().enumerate();
            asked
                .flat_map(|(place, decided)| of_one_decision(engine, vector.anchor(), decided, place, &at))
                .collect()
        }
    }
}

fn of_one_decision(
    engine: &mut dyn Engine,
    anchor: UnixMillis,
    expected: &Decided,
    place: usize,
    at: &str,
) -> Vec<String> {
    let now = expected.now.map_or(anchor, UnixMillis::new);
    let mut differences = Vec::new();
    let verdict = engine.decide(&expected.request, now);
    if verdict != expected.decision {
        differences
            .push(format!("{at}, decision {place}: expected {:?}, got {verdict:?}", expected.decision));
    }
    let explained = expected.explain.as_ref().and_then(|_| engine.explain(&expected.request, now));
    if let (Some(expected), Some(got)) = (&expected.explain, explained)
        && expected.0 != got
    {
        differences.push(format!("{at}, explanation {place}: expected {:?}, got {got:?}", expected.0));
    }
    differences
}
