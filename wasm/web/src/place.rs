//! Places in a text as JavaScript counts them: in units of UTF-16.

use serde::Serialize;

/// From here to before there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Range {
    from: usize,
    to: usize,
}

impl Range {
    /// The range of these bytes. What is no UTF-8 counts as the characters that stand for it once it is read as text.
    pub(crate) fn of(body: &[u8], bytes: std::ops::Range<usize>) -> Self {
        let units = |bytes: Option<&[u8]>| bytes.map_or(0, units);
        let from = units(body.get(..bytes.start));
        Self { from, to: from.saturating_add(units(body.get(bytes))) }
    }
}

fn units(bytes: &[u8]) -> usize {
    let of_chunk = |chunk: std::str::Utf8Chunk<'_>| {
        let valid: usize = chunk.valid().bytes().map(width).sum();
        valid.saturating_add(usize::from(!chunk.invalid().is_empty()))
    };
    bytes.utf8_chunks().map(of_chunk).sum()
}

/// How many units of UTF-16 begin with this byte of UTF-8.
const fn width(byte: u8) -> usize {
    match byte {
        0x80..=0xbf => 0,
        0xf0.. => 2,
        _ => 1,
    }
}

/// Where each directive of a valid document stands, from brace to brace. One pass.
pub(crate) fn directives(body: &[u8]) -> Vec<Range> {
    let mut walk = Walk::default();
    for &byte in body {
        walk.take(byte);
    }
    walk.found
}

#[derive(Default)]
struct Walk {
    /// Units before this byte.
    at: usize,
    /// Brackets and braces that are open.
    depth: usize,
    in_text: bool,
    is_escaped: bool,
    start: usize,
    found: Vec<Range>,
}

impl Walk {
    /// The directives are the values of depth two: in the array, in the object.
    const DEPTH: usize = 2;

    fn take(&mut self, byte: u8) {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' if self.in_text => self.is_escaped = true,
            b'"' => self.in_text = !self.in_text,
            _ if self.in_text => {}
            b'{' | b'[' => self.open(),
            b'}' | b']' => self.close(),
            _ => {}
        }
        self.at = self.at.saturating_add(width(byte));
    }

    fn open(&mut self) {
        if self.depth == Self::DEPTH {
            self.start = self.at;
        }
        self.depth = self.depth.saturating_add(1);
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == Self::DEPTH {
            self.found.push(Range { from: self.start, to: self.at.saturating_add(1) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_count_units_of_utf_16() {
        let body = "aé€😀b".as_bytes();
        let b = body.len() - 1..body.len();
        assert_eq!(Range::of(body, b), Range { from: 5, to: 6 });
        assert_eq!(Range::of(body, 0..body.len()), Range { from: 0, to: 6 });
        assert_eq!(Range::of(b"\xff\"x", 1..2), Range { from: 1, to: 2 });
        assert_eq!(Range::of(b"x", 1..1), Range { from: 1, to: 1 });
    }

    #[test]
    fn directives_are_found_whatever_is_in_them() {
        let text = r#" {"directives": [ {"id":"😀}\"{","labels":{"k":"]"}},
            {"id":"b\\","tenants":["x"]}]} "#;
        let units: Vec<u16> = text.encode_utf16().collect();
        let found: Vec<_> = directives(text.as_bytes())
            .iter()
            .map(|range| String::from_utf16_lossy(&units[range.from..range.to]))
            .collect();
        assert_eq!(found, [r#"{"id":"😀}\"{","labels":{"k":"]"}}"#, r#"{"id":"b\\","tenants":["x"]}"#]);
        assert_eq!(directives(br#"{"directives":[]}"#), []);
    }
}
