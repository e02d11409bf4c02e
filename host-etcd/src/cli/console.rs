//! Where answers go: text with colours on a terminal, or one JSON object per line.

use std::fmt;
use std::io::{self, Write};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::args::Format;
use super::failure::Failure;

/// Good news.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// Something to look at.
pub(super) const NOTICE: Style = AnsiColor::Yellow.on_default();
/// Bad news.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What matters less.
pub(super) const FAINT: Style = Style::new().dimmed();

/// Standard output and standard error of the command.
pub(super) struct Console {
    format: Format,
    out: AutoStream<io::Stdout>,
    err: AutoStream<io::Stderr>,
    is_unread: bool,
}

impl Console {
    /// Colours only on a terminal, and there only if `NO_COLOR` is not set.
    pub(super) fn new(format: Format) -> Self {
        let (out, err) = (AutoStream::auto(io::stdout()), AutoStream::auto(io::stderr()));
        Self { format, out, err, is_unread: false }
    }

    /// Whether whoever read the answer has closed the pipe. That changes no exit code: a gate that looks only at the
    /// first line must not take an invalid document for a valid one.
    pub(super) fn is_unread(&self) -> bool {
        self.is_unread
    }

    pub(super) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// One line of text, there at once.
    pub(super) fn line(&mut self, text: impl fmt::Display) -> Result<(), Failure> {
        let written = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
        self.written(written)
    }

    /// One object on one line, there at once.
    pub(super) fn json(&mut self, object: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(object).map_err(|error| Failure::trouble(error.to_string()))?;
        self.line(text)
    }

    /// Bytes as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        let written = out.write_all(bytes).and_then(|()| out.flush());
        self.written(written)
    }

    fn written(&mut self, result: io::Result<()>) -> Result<(), Failure> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_unread = true;
                Ok(())
            }
            Err(error) => Err(Failure::trouble(format!("cannot write the answer: {error}"))),
            Ok(()) => Ok(()),
        }
    }

    /// A remark beside the answer.
    pub(super) fn note(&mut self, text: impl fmt::Display) {
        // Nobody is left to be told that a remark could not be made.
        let _ = writeln!(self.err, "{text}");
    }

    /// A text in a style.
    pub(super) fn styled(style: Style, text: impl fmt::Display) -> String {
        format!("{style}{text}{style:#}")
    }
}
