//! One request as bytes: a fixed header with every length, a table of label lengths, then all text in one piece.
//!
//! The text lies together so that the guest checks it for UTF-8 once, and the host writes it with one copy per
//! string and no padding.

use core::fmt;

use crate::bytes::put;
use header::Header;

mod header;
mod view;

pub use view::{Labels, MalformedRequest, RequestView, decode};

/// Bytes before the label table.
pub const HEADER_BYTES: usize = 16;

const LABEL_BYTES: usize = 4;
/// The facts of one request, as a host writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts<'a> {
    /// Whose data the request touches.
    pub tenant: Option<&'a str>,
    /// The index asked for.
    pub index: Option<&'a str>,
    /// Who asks.
    pub principal: Option<&'a str>,
    /// The request's own id.
    pub request_id: Option<&'a str>,
    /// The id of its trace.
    pub trace_id: Option<&'a str>,
    /// Code of the endpoint.
    pub endpoint: Option<u8>,
    /// Names and values.
    pub labels: &'a [(&'a str, &'a str)],
}

/// Why a request does not become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// A fact, a label's name or a label's value is longer than 65 535 bytes, or there are more labels than that.
    TooLong,
    /// The room is too small.
    NoRoom {
        /// Bytes that the request needs.
        needed: usize,
    },
}

/// Writes a request to the front of `room` and says how many bytes it took.
///
/// # Errors
///
/// [`EncodeError`]; `room` then holds nothing of use.
#[inline]
pub fn encode(facts: &Facts<'_>, room: &mut [u8]) -> Result<usize, EncodeError> {
    // A copy, so that what is written lies in registers.
    write(facts, room).ok_or_else(|| why_not(*facts))
}

/// In one go: what does not fit, or is too long, ends it.
#[inline(always)]
fn write(facts: &Facts<'_>, room: &mut [u8]) -> Option<usize> {
    let all = room.len();
    let (head, room) = room.split_first_chunk_mut::<HEADER_BYTES>()?;
    let mut header = Header::of(facts.endpoint, facts.labels.len())?;
    let mut rest = room;
    if !facts.labels.is_empty() {
        rest = put_table(facts.labels, rest)?;
    }
    for (number, text) in
        [facts.tenant, facts.index, facts.principal, facts.request_id, facts.trace_id].into_iter().enumerate()
    {
        if let Some(text) = text {
            header.add(number, text.len())?;
            put(&mut rest, text.as_bytes())?;
        }
    }
    for (name, value) in facts.labels {
        put(&mut rest, name.as_bytes())?;
        put(&mut rest, value.as_bytes())?;
    }
    *head = header.to_bytes();
    Some(all - rest.len())
}

#[inline(never)]
fn put_table<'r>(labels: &[(&str, &str)], mut room: &'r mut [u8]) -> Option<&'r mut [u8]> {
    for (name, value) in labels {
        put(&mut room, &short(name.len())?.to_le_bytes())?;
        put(&mut room, &short(value.len())?.to_le_bytes())?;
    }
    Some(room)
}

/// What is wrong with a request that could not be written.
#[cold]
#[inline(never)]
fn why_not(facts: Facts<'_>) -> EncodeError {
    let texts = [facts.tenant, facts.index, facts.principal, facts.request_id, facts.trace_id];
    let labels = facts.labels.iter().flat_map(|&(name, value)| [name, value]);
    let lens = texts.into_iter().flatten().chain(labels).map(str::len);
    if lens.clone().chain([facts.labels.len()]).any(|len| short(len).is_none()) {
        return EncodeError::TooLong;
    }
    let table = facts.labels.len().saturating_mul(LABEL_BYTES);
    EncodeError::NoRoom { needed: lens.fold(HEADER_BYTES.saturating_add(table), usize::saturating_add) }
}

fn short(len: usize) -> Option<u16> {
    u16::try_from(len).ok()
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("a fact or label of the request is longer than 65535 bytes"),
            Self::NoRoom { needed } => write!(f, "the request needs {needed} bytes"),
        }
    }
}

impl core::error::Error for EncodeError {}

#[cfg(test)]
mod tests;
