//! What the command and the relay answer, as JSON: one shape for both, so that who reads one can read the other.
//!
//! Fields may be added; those of today keep name and meaning.

mod decided;
mod event;
mod published;

pub(crate) use decided::{decided, lines};
pub(crate) use event::{Cause, Event};
pub(crate) use published::{Published, Refused};

/// `{"error":{"reason","message"}}`: any no that is not about a place in a document.
#[derive(serde::Serialize)]
pub(crate) struct No<'a> {
    error: Reason<'a>,
}

#[derive(serde::Serialize)]
struct Reason<'a> {
    reason: &'a str,
    message: &'a str,
}

impl<'a> No<'a> {
    /// The stable name of the reason, and a line for people.
    pub(crate) const fn new(reason: &'a str, message: &'a str) -> Self {
        Self { error: Reason { reason, message } }
    }
}
