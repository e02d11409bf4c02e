//! Labels, which no peer has: against the model, which looks at every directive three times.

use aldis_core::{Directive, DirectiveSet, Request};
use anyhow::Result;
use bench::{Contender, Goal, Pace, ThreadTime, race};
use peers::model;
use peers::scene::{self, ANCHOR, LABELS, NOW, code};

use crate::report::Report;

const DIRECTIVES: usize = 1_000;

pub(crate) fn run(report: &mut Report) -> Result<()> {
    let scene = scene::labelled(DIRECTIVES);
    let set = DirectiveSet::decode(scene.document.as_bytes(), ANCHOR)?;
    let directives: Vec<Directive<'_>> = set.iter().collect();
    let labels: Vec<_> = scene.values.iter().map(pairs).collect();
    let requests: Vec<Request<'_>> =
        labels.iter().map(|labels| Request { labels, ..Request::EMPTY }).collect();

    let mut contenders = [
        Contender::new("Aldis", &requests, |request| set.evaluate(request, NOW), code),
        Contender::new("naive model", &requests, |request| model::decide(&directives, request, NOW), code),
    ];
    let timings = race(&mut contenders, Pace::QUICK, &ThreadTime)?;
    report.race("evaluate: 1 000 directives on 3 label keys, half hit", &timings, Goal::Ratio(0.05))
}

fn pairs(values: &[String; 3]) -> [(&str, &str); 3] {
    let [first, second, third] = values;
    let [one, two, three] = LABELS;
    [(one, first), (two, second), (three, third)]
}
