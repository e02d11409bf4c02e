//! How the story is told: prose, documents, and claims that hold or do not.

use std::time::Instant;

use serde::Serialize;

use crate::cli::Console;
use crate::cli::console::{BAD, FAINT, GOOD};
use crate::cli::failure::{Answer, Failure};

pub(super) struct Story<'c> {
    console: &'c mut Console,
    start: Instant,
    claims: usize,
    broken: usize,
}

/// `{"at_ms":12,"claim":"…","holds":true}`
#[derive(Serialize)]
struct Claim<'a> {
    at_ms: u128,
    claim: &'a str,
    holds: bool,
}

/// `{"claims":12,"hold":12}`
#[derive(Serialize)]
struct End {
    claims: usize,
    hold: usize,
}

impl<'c> Story<'c> {
    pub(super) fn new(console: &'c mut Console) -> Self {
        Self { console, start: Instant::now(), claims: 0, broken: 0 }
    }

    /// What happens next.
    pub(super) fn say(&mut self, text: &str) -> Result<(), Failure> {
        match (self.console.is_json(), self.claims) {
            (true, _) => Ok(()),
            (false, 0) => self.console.line(text),
            (false, _) => self.console.line(format!("\n{text}")),
        }
    }

    /// A document.
    pub(super) fn show(&mut self, document: &str) -> Result<(), Failure> {
        match self.console.is_json() {
            true => Ok(()),
            false => self.console.line(Console::styled(FAINT, format!("    {document}"))),
        }
    }

    /// Something that this program has just found to be so, or not.
    pub(super) fn claim(&mut self, claim: &str, holds: bool) -> Result<(), Failure> {
        self.claims += 1;
        self.broken += usize::from(!holds);
        let at_ms = self.start.elapsed().as_millis();
        if self.console.is_json() {
            return self.console.json(&Claim { at_ms, claim, holds });
        }
        let mark = match holds {
            true => Console::styled(GOOD, "ok"),
            false => Console::styled(BAD, "BROKEN"),
        };
        let at = Console::styled(FAINT, format!("{:>2}.{:03} s", at_ms / 1000, at_ms % 1000));
        self.console.line(format!("  {at}  {mark}  {claim}"))
    }

    /// Whether all of it was true.
    pub(super) fn end(self) -> Result<Answer, Failure> {
        let (claims, hold) = (self.claims, self.claims.saturating_sub(self.broken));
        match self.console.is_json() {
            true => self.console.json(&End { claims, hold })?,
            false => self.console.line(format!("\n{hold} of {claims} claims hold."))?,
        }
        Ok(if self.broken == 0 { Answer::Yes } else { Answer::No })
    }
}
