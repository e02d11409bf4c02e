//! Decisions: `evaluate`, `explain` and the model give one answer, whatever the directives, the request and the time.

use aldis_core::{Decision, Directive, DirectiveSet, Outcome, Request, UnixMillis};

use super::bytes::Bytes;
use super::sketch;
use crate::model;

/// What is put to the test. The twins put something else.
pub(crate) struct Subject {
    pub(crate) evaluate: fn(&DirectiveSet, &Request<'_>, UnixMillis) -> Decision,
    /// For each directive, whether it applies.
    pub(crate) explain: fn(&DirectiveSet, &Request<'_>, UnixMillis) -> Vec<bool>,
}

pub(crate) const CORE: Subject = Subject { evaluate: DirectiveSet::evaluate, explain };

fn explain(set: &DirectiveSet, request: &Request<'_>, now: UnixMillis) -> Vec<bool> {
    set.explain(request, now).map(|explained| explained.outcome == Outcome::Applies).collect()
}

pub(crate) fn run(data: &[u8]) {
    holds(&CORE, data);
}

pub(crate) fn holds(subject: &Subject, data: &[u8]) {
    let mut bytes = Bytes::new(data);
    // First what is asked, so that more bytes only mean more directives.
    let now = sketch::near(&mut bytes);
    let facts = sketch::Facts::new(&mut bytes);
    let directives = sketch::directives(&mut bytes);
    let set = DirectiveSet::from_directives(directives.iter().cloned()).expect("a sketch keeps the rules");
    facts.ask(|request| agree(subject, &set, &directives, request, now));
    agree(subject, &set, &directives, &Request::EMPTY, now);
}

fn agree(
    subject: &Subject,
    set: &DirectiveSet,
    directives: &[Directive<'_>],
    request: &Request<'_>,
    now: UnixMillis,
) {
    let expected = model::decide(directives, request, now);
    let decided = (subject.evaluate)(set, request, now);
    assert_eq!(decided, expected, "evaluate: {directives:#?} {request:?} at {now}");
    let modelled: Vec<bool> =
        directives.iter().map(|directive| model::applies(directive, request, now)).collect();
    let explained = (subject.explain)(set, request, now);
    assert_eq!(explained, modelled, "explain: {directives:#?} {request:?} at {now}");
}
