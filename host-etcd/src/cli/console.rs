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
}

impl Console {
    /// Colours only on a terminal, and there only if `NO_COLOR` is not set.
    pub(super) fn new(format: Format) -> Self {
        Self { format, out: AutoStream::auto(io::stdout()), err: AutoStream::auto(io::stderr()) }
    }

    pub(super) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// One line of text, there at once.
    pub(super) fn line(&mut self, text: impl fmt::Display) -> Result<(), Failure> {
        writeln!(self.out, "{text}").and_then(|()| self.out.flush()).map_err(Failure::output)
    }

    /// One object on one line, there at once.
    pub(super) fn json(&mut self, object: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(object).map_err(|error| Failure::trouble(error.to_string()))?;
        self.line(text)
    }

    /// Bytes as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).map_err(Failure::output)
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
