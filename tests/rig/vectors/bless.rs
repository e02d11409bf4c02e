//! Rewriting what is expected, for review.

use std::fs;
use std::io;

use aldis_core::UnixMillis;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::case::{Case, Decided, Vector};
use super::engine::Engine;

/// Writes into each file what the engine makes of it, where that is something else. The document stays as it is, byte
/// for byte. The example in the description of the format is left to people.
pub fn bless(engine: &mut dyn Engine, cases: &[Case]) {
    for case in cases.iter().filter(|case| case.path.extension().is_some_and(|kind| kind == "json")) {
        let blessed = written(&with_outcome(engine, case.vector.clone()));
        if fs::read_to_string(&case.path).ok().as_ref() != Some(&blessed) {
            fs::write(&case.path, blessed).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        }
    }
}

fn with_outcome(engine: &mut dyn Engine, mut vector: Vector) -> Vector {
    let anchor = vector.anchor();
    match engine.load(&vector.body(), anchor) {
        Err(refusal) => (vector.refused, vector.decisions) = (Some(refusal), None),
        Ok(()) => {
            vector.refused = None;
            let decisions = vector.decisions.get_or_insert_default();
            decisions.iter_mut().for_each(|decided| answer(engine, anchor, decided));
        }
    }
    vector
}

fn answer(engine: &mut dyn Engine, anchor: UnixMillis, decided: &mut Decided) {
    let now = decided.now.map_or(anchor, UnixMillis::new);
    decided.decision = engine.decide(&decided.request, now);
    if let Some(expected) = &mut decided.explain {
        expected.0 = engine.explain(&decided.request, now).unwrap_or_default();
    }
}

/// The text of a vector's file: a line for each decision.
pub fn written(vector: &Vector) -> String {
    let mut bytes = Vec::new();
    let mut json = Serializer::with_formatter(&mut bytes, Lines { depth: 0 });
    vector.serialize(&mut json).expect("a vector can be written");
    String::from_utf8(bytes).expect("JSON is UTF-8") + "\n"
}

/// Breaks lines in the two outermost containers only.
struct Lines {
    depth: usize,
}

impl Lines {
    const BROKEN: usize = 2;

    fn open<W: io::Write + ?Sized>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        writer.write_all(bracket)
    }

    fn close<W: io::Write + ?Sized>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if self.depth < Self::BROKEN {
            self.new_line(writer)?;
        }
        writer.write_all(bracket)
    }

    fn next<W: io::Write + ?Sized>(&self, writer: &mut W, first: bool) -> io::Result<()> {
        match (self.depth <= Self::BROKEN, first) {
            (true, true) => self.new_line(writer),
            (true, false) => writer.write_all(b",").and_then(|()| self.new_line(writer)),
            (false, true) => Ok(()),
            (false, false) => writer.write_all(b", "),
        }
    }

    fn new_line<W: io::Write + ?Sized>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\n")?;
        writer.write_all("  ".repeat(self.depth).as_bytes())
    }
}

impl Formatter for Lines {
    fn begin_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"[")
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"]")
    }

    fn begin_array_value<W: io::Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.next(writer, first)
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"{")
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"}")
    }

    fn begin_object_key<W: io::Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.next(writer, first)
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}
