//! A request as a guest reads it.

use super::LABEL_BYTES;
use super::header::{self, Header};
use crate::bytes::take;

/// The bytes are not a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedRequest;

/// The facts of one request, as a guest reads them: where they are. All of it is checked; a text is cut out when it is asked
/// for.
///
/// Each text is UTF-8. It is handed out as bytes, because a guest compares and hashes it, and nothing else.
#[derive(Clone, Copy, Debug)]
pub struct RequestView<'a> {
    header: Header,
    /// The lengths of the labels.
    table: &'a [u8],
    /// Of the facts, one behind the other, and then of the labels.
    text: &'a [u8],
}

/// The labels of a request: an iterator over names and values.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    table: &'a [u8],
    text: &'a [u8],
}

/// Reads a request.
///
/// Cost: one pass over the text and one over the label table; no allocation.
///
/// # Errors
///
/// [`MalformedRequest`] if a length does not add up, a bit is set that means nothing, or the text is not UTF-8.
#[inline]
pub fn decode(bytes: &[u8]) -> Result<RequestView<'_>, MalformedRequest> {
    view(bytes).ok_or(MalformedRequest)
}

#[inline(always)]
fn view(mut bytes: &[u8]) -> Option<RequestView<'_>> {
    let header = Header::take(&mut bytes)?;
    let labels = header.labels()?;
    let (table, text) = bytes.split_at_checked(labels.checked_mul(LABEL_BYTES)?)?;
    let view = RequestView { header, table, text };
    let facts_len = header.all()?;
    // Without labels, which is the usual request, there is nothing to walk.
    let adds_up = match labels {
        0 => text.len() == facts_len,
        _ => Labels { table, text: text.get(facts_len..)? }.add_up(),
    };
    (adds_up && (is_ascii(text) || view.is_utf8())).then_some(view)
}

/// Whether there are only characters of one byte, so that text may be cut anywhere. Most text is, and is short: up to
/// sixteen bytes are looked at in two words that may overlap, without a loop.
#[inline(always)]
fn is_ascii(text: &[u8]) -> bool {
    const HIGHEST: u64 = 0x8080_8080_8080_8080;
    let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) else { return text.is_ascii() };
    let ends = u64::from_le_bytes(*first) | u64::from_le_bytes(*last);
    ends & HIGHEST == 0 && (text.len() <= 16 || text.is_ascii())
}

impl<'a> RequestView<'a> {
    /// Whose data the request touches.
    #[inline(always)]
    #[must_use]
    pub fn tenant(&self) -> Option<&'a [u8]> {
        self.fact(header::TENANT)
    }

    /// The index asked for.
    #[inline(always)]
    #[must_use]
    pub fn index(&self) -> Option<&'a [u8]> {
        self.fact(header::INDEX)
    }

    /// Who asks.
    #[inline(always)]
    #[must_use]
    pub fn principal(&self) -> Option<&'a [u8]> {
        self.fact(header::PRINCIPAL)
    }

    /// The request's own id.
    #[inline(always)]
    #[must_use]
    pub fn request_id(&self) -> Option<&'a [u8]> {
        self.fact(header::REQUEST_ID)
    }

    /// The id of its trace.
    #[inline(always)]
    #[must_use]
    pub fn trace_id(&self) -> Option<&'a [u8]> {
        self.fact(header::TRACE_ID)
    }

    /// Code of the endpoint, not yet known to mean one.
    #[inline(always)]
    #[must_use]
    pub fn endpoint(&self) -> Option<u8> {
        self.header.endpoint()
    }

    /// Names and values.
    #[inline(always)]
    #[must_use]
    pub fn labels(&self) -> Labels<'a> {
        let text = self.header.all().and_then(|facts| self.text.get(facts..));
        text.map_or(Labels::NONE, |text| Labels { table: self.table, text })
    }

    #[inline(always)]
    fn fact(&self, text: u32) -> Option<&'a [u8]> {
        let (start, len) = self.header.text(text)?;
        self.text.get(start..)?.get(..len)
    }

    /// Whether every text is. Takes a copy, so that the view itself needs no place in memory.
    #[cold]
    #[inline(never)]
    fn is_utf8(self) -> bool {
        let is_utf8 = |text| core::str::from_utf8(text).is_ok();
        (0..header::TEXTS).filter_map(|text| self.fact(text)).all(is_utf8)
            && self.labels().all(|(name, value)| is_utf8(name) && is_utf8(value))
    }
}

impl<'a> Labels<'a> {
    const NONE: Self = Self { table: &[], text: &[] };

    /// How many labels there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.table.len() / LABEL_BYTES
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    #[inline(never)]
    fn add_up(mut self) -> bool {
        let all = self.len();
        self.by_ref().count() == all && self.text.is_empty()
    }
}

impl<'a> Iterator for Labels<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let [n0, n1, v0, v1] = take(&mut self.table)?;
        let (name, text) = self.text.split_at_checked(u16::from_le_bytes([n0, n1]).into())?;
        let (value, text) = text.split_at_checked(u16::from_le_bytes([v0, v1]).into())?;
        self.text = text;
        Some((name, value))
    }
}
