//! What led to it: kept only when a seed is replayed, because writing it costs more than the run.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::time::Duration;

/// Lines that are kept, the latest.
const KEPT: usize = 80;

#[derive(Default)]
pub(crate) struct Trace {
    is_on: bool,
    lines: VecDeque<String>,
}

impl Trace {
    pub(crate) fn new(is_on: bool) -> Self {
        Self { is_on, lines: VecDeque::new() }
    }

    pub(crate) fn note(&mut self, at: Duration, what: &impl Debug) {
        if self.is_on {
            self.lines.push_back(format!("{at:?} {}", legible(&format!("{what:?}"))));
            if self.lines.len() > KEPT {
                self.lines.pop_front();
            }
        }
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.into()
    }
}

/// Without instants, which differ from run to run, and values, which are long.
fn legible(text: &str) -> String {
    let text = text.split("since: Instant").next().unwrap_or_default();
    let parts = text.split(", value: [").enumerate();
    parts
        .map(|(place, part)| match place {
            0 => part,
            _ => part.split_once(']').map_or("", |(_, rest)| rest),
        })
        .collect()
}
