//! What the readers of one document share: the anchor, and the first failure with its way back to the root.
//!
//! `serde` errors carry only a line of text. The failure itself is kept here and the error that travels up is a mere
//! signal; each reader on its way adds the step it stood at, so that a good document pays nothing for paths.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt::Write;
use core::ops::Range;
use core::str::Utf8Error;

use serde::de;
use serde_json::error::Category;

use super::locate::locate;
use crate::error::{DecodeError, Reason};
use crate::time::UnixMillis;

/// Longest name of a field that is told; what is longer was not typed by a person.
const MAX_TOLD_NAME_CHARS: usize = 64;

pub(super) struct Context {
    pub(super) anchor: UnixMillis,
    failure: RefCell<Option<Box<Failure>>>,
}

/// The first thing that was wrong.
struct Failure {
    reason: Reason,
    part: Part,
    message: Cow<'static, str>,
    help: Option<String>,
    /// From the innermost to the root.
    steps: Vec<Step>,
}

/// Which part of a field, item or container is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The name of the field.
    Name,
    /// The value.
    Value,
    /// The first byte of the value: the object as a whole, where it starts.
    Start,
}

/// One step from a container to what is in it.
pub(super) struct Step {
    /// Which entry or item it is, counted from zero: names may occur twice.
    pub(super) place: usize,
    /// The name of an entry; none for an item.
    pub(super) name: Option<Cow<'static, str>>,
}

impl Step {
    pub(super) fn field(place: usize, name: &'static str) -> Self {
        Self { place, name: Some(Cow::Borrowed(name)) }
    }

    pub(super) fn named(place: usize, name: &str) -> Self {
        Self { place, name: Some(Cow::Owned(told(name))) }
    }

    pub(super) fn item(place: usize) -> Self {
        Self { place, name: None }
    }
}

impl Context {
    pub(super) fn new(anchor: UnixMillis) -> Self {
        Self { anchor, failure: RefCell::new(None) }
    }

    /// Records a failure and gives the signal that travels up.
    pub(super) fn fail<E: de::Error>(&self, reason: Reason, part: Part) -> E {
        self.fail_with(reason, part, Cow::Borrowed(reason.message()), None)
    }

    pub(super) fn fail_with<E: de::Error>(
        &self,
        reason: Reason,
        part: Part,
        message: Cow<'static, str>,
        help: Option<String>,
    ) -> E {
        let failure = Failure { reason, part, message, help, steps: Vec::new() };
        self.failure.replace(Some(Box::new(failure)));
        E::custom("refused")
    }

    /// Adds the step at which an error passes by. An error that none of the readers recorded is one of syntax.
    pub(super) fn at<E>(&self, error: E, step: Step) -> E {
        let mut failure = self.failure.borrow_mut();
        failure.get_or_insert_with(|| Box::new(Failure::syntax())).steps.push(step);
        error
    }

    /// The failure as it is told.
    pub(super) fn into_error(self, body: &[u8], error: &serde_json::Error) -> DecodeError {
        let failure = self.failure.into_inner().unwrap_or_else(|| Box::new(Failure::syntax()));
        let path = path(&failure.steps);
        if failure.reason == Reason::InvalidJson {
            return syntax_error(body, error, path);
        }
        let places: Vec<usize> = failure.steps.iter().rev().map(|step| step.place).collect();
        let span = locate(body, &places, failure.part).unwrap_or_else(|| span_of(body, error));
        DecodeError::new(failure.reason, path, body, span, failure.message, failure.help)
    }
}

impl Failure {
    fn syntax() -> Self {
        Self {
            reason: Reason::InvalidJson,
            part: Part::Value,
            message: Cow::Borrowed(Reason::InvalidJson.message()),
            help: None,
            steps: Vec::new(),
        }
    }
}

/// Refuses the document as a whole.
pub(crate) fn refuse_whole(body: &[u8], reason: Reason) -> DecodeError {
    DecodeError::new(reason, String::new(), body, 0..0, Cow::Borrowed(reason.message()), None)
}

/// Refuses a body that is not UTF-8.
pub(super) fn refuse_bytes(body: &[u8], error: &Utf8Error) -> DecodeError {
    let start = error.valid_up_to();
    let end = error.error_len().map_or(body.len(), |len| start.saturating_add(len));
    let message = Cow::Borrowed("not valid JSON: these bytes are not UTF-8");
    DecodeError::new(Reason::InvalidJson, String::new(), body, start..end, message, None)
}

/// Refuses what follows the document.
pub(super) fn refuse_trailing(body: &[u8], error: &serde_json::Error) -> DecodeError {
    let (reason, span) = (Reason::TrailingData, span_of(body, error));
    DecodeError::new(reason, String::new(), body, span, Cow::Borrowed(reason.message()), None)
}

fn syntax_error(body: &[u8], error: &serde_json::Error, path: String) -> DecodeError {
    let reason = Reason::InvalidJson;
    if body.starts_with(b"\xef\xbb\xbf") {
        let message = Cow::Borrowed("not valid JSON: the document starts with a byte order mark");
        let help = Some("save it as UTF-8 without a byte order mark".to_string());
        return DecodeError::new(reason, path, body, 0..3, message, help);
    }
    // The texts of syntax errors are fixed: they name what was expected and hold nothing of the document.
    let told = error.to_string();
    let what = told.split(" at line ").next().unwrap_or_default();
    let message = Cow::Owned(format!("{}: {what}", reason.message()));
    DecodeError::new(reason, path, body, span_of(body, error), message, None)
}

/// The byte at which `serde_json` stopped; the empty range at the end if it ran out of bytes.
fn span_of(body: &[u8], error: &serde_json::Error) -> Range<usize> {
    if error.classify() == Category::Eof {
        return body.len()..body.len();
    }
    let lines_before = error.line().saturating_sub(1);
    let line_start: usize = body
        .split_inclusive(|&byte| byte == b'\n')
        .take(lines_before)
        .map(<[u8]>::len)
        .fold(0, usize::saturating_add);
    // Columns count from one. It says 0 of a raw line feed within text: that stands before the line it begins.
    let start = line_start.saturating_add(error.column()).saturating_sub(1).min(body.len());
    start..start.saturating_add(1).min(body.len())
}

/// `directives[3].labels.env`, from the steps in reverse.
fn path(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps.iter().rev() {
        let dot = if path.is_empty() { "" } else { "." };
        let written = match &step.name {
            None => write!(path, "[{}]", step.place),
            Some(name) if is_plain(name) => write!(path, "{dot}{name}"),
            Some(name) => write!(path, "[{name:?}]"),
        };
        debug_assert!(written.is_ok(), "writing to a string");
    }
    path
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// A name as it may be told: cut where it is too long to be one.
fn told(name: &str) -> String {
    let mut told: String = name.chars().take(MAX_TOLD_NAME_CHARS).collect();
    if told.len() < name.len() {
        told.push('…');
    }
    told
}
