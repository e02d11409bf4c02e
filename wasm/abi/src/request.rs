//! One request as bytes: a fixed header with every length, a table of label lengths, then all text in one piece.
//!
//! The text lies together so that the guest checks it for UTF-8 once, and the host writes it with one copy per
//! string and no padding.

use core::fmt;

use crate::bytes::{put, take, take_u64};

/// Bytes before the label table.
pub const HEADER_BYTES: usize = 16;

const LABEL_BYTES: usize = 4;
const TENANT: u8 = 1 << 0;
const INDEX: u8 = 1 << 1;
const PRINCIPAL: u8 = 1 << 2;
const REQUEST_ID: u8 = 1 << 3;
const TRACE_ID: u8 = 1 << 4;
const ENDPOINT: u8 = 1 << 5;
const KNOWN: u8 = (1 << 6) - 1;

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

/// The bytes are not a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedRequest;

/// The facts of one request, as a guest reads them. Everything is borrowed from the bytes and checked.
#[derive(Clone, Copy, Debug)]
pub struct RequestView<'a> {
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
    /// Code of the endpoint, not yet known to mean one.
    pub endpoint: Option<u8>,
    /// Names and values.
    pub labels: Labels<'a>,
}

/// The labels of a request: an iterator over names and values.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    table: &'a [u8],
    text: &'a str,
}

/// Writes a request to the front of `room` and says how many bytes it took.
///
/// # Errors
///
/// [`EncodeError`]; `room` then holds nothing of use.
#[inline]
pub fn encode(facts: &Facts<'_>, room: &mut [u8]) -> Result<usize, EncodeError> {
    let strings = [facts.tenant, facts.index, facts.principal, facts.request_id, facts.trace_id];
    let header = header(facts, &strings)?;
    let needed = strings.iter().flatten().fold(HEADER_BYTES, |all, text| all.saturating_add(text.len()));
    let needed = needed.saturating_add(label_bytes(facts.labels)?);
    let written = room.get_mut(..needed).and_then(|room| write(facts, &strings, &header, room));
    written.map_or(Err(EncodeError::NoRoom { needed }), |()| Ok(needed))
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

/// Two little-endian numbers of eight bytes, put together in registers.
#[inline(always)]
fn header(facts: &Facts<'_>, strings: &[Option<&str>; 5]) -> Result<[u64; 2], EncodeError> {
    let mut lens = [0; 5];
    let mut present = facts.endpoint.map_or(0, |_| ENDPOINT);
    for ((len, text), bit) in
        lens.iter_mut().zip(strings).zip([TENANT, INDEX, PRINCIPAL, REQUEST_ID, TRACE_ID])
    {
        if let Some(text) = text {
            present |= bit;
            *len = u64::from(short(text.len())?);
        }
    }
    let [tenant, index, principal, request_id, trace_id] = lens;
    let labels = u64::from(short(facts.labels.len())?);
    let endpoint = u64::from(facts.endpoint.unwrap_or(0));
    let low = u64::from(present) | endpoint << 8 | labels << 16 | tenant << 32 | index << 48;
    Ok([low, principal | request_id << 16 | trace_id << 32])
}

/// Bytes of the label table and of the labels' text.
#[inline(always)]
fn label_bytes(labels: &[(&str, &str)]) -> Result<usize, EncodeError> {
    labels.iter().try_fold(0_usize, |all, (name, value)| {
        let text = usize::from(short(name.len())?) + usize::from(short(value.len())?);
        Ok(all.saturating_add(LABEL_BYTES + text))
    })
}

#[inline(always)]
fn write(
    facts: &Facts<'_>,
    strings: &[Option<&str>; 5],
    header: &[u64; 2],
    mut room: &mut [u8],
) -> Option<()> {
    for half in header {
        put(&mut room, &half.to_le_bytes())?;
    }
    for (name, value) in facts.labels {
        put(&mut room, &short(name.len()).ok()?.to_le_bytes())?;
        put(&mut room, &short(value.len()).ok()?.to_le_bytes())?;
    }
    for text in strings.iter().flatten() {
        put(&mut room, text.as_bytes())?;
    }
    for (name, value) in facts.labels {
        put(&mut room, name.as_bytes())?;
        put(&mut room, value.as_bytes())?;
    }
    Some(())
}

fn short(len: usize) -> Result<u16, EncodeError> {
    u16::try_from(len).map_err(|_| EncodeError::TooLong)
}

#[inline(always)]
fn view(mut bytes: &[u8]) -> Option<RequestView<'_>> {
    // Two loads, rather than one for each byte.
    let (low, high) = (take_u64(&mut bytes)?, take_u64(&mut bytes)?);
    let [present, endpoint, ..] = low.to_le_bytes();
    let lens = [low >> 32, low >> 48, high, high >> 16, high >> 32].map(|len| len & 0xffff);
    if present & !KNOWN != 0 || high >> 48 != 0 || (present & ENDPOINT == 0 && endpoint != 0) {
        return None;
    }
    let count = usize::try_from(low >> 16 & 0xffff).ok()?;
    let (table, text) = bytes.split_at_checked(count * LABEL_BYTES)?;
    let text = core::str::from_utf8(text).ok()?;
    let [tenant_len, index_len, principal_len, request_id_len, trace_id_len] = lens;
    let (tenant, text) = fact(text, present & TENANT, tenant_len)?;
    let (index, text) = fact(text, present & INDEX, index_len)?;
    let (principal, text) = fact(text, present & PRINCIPAL, principal_len)?;
    let (request_id, text) = fact(text, present & REQUEST_ID, request_id_len)?;
    let (trace_id, text) = fact(text, present & TRACE_ID, trace_id_len)?;
    let labels = Labels::of(table, text)?;
    let endpoint = (present & ENDPOINT != 0).then_some(endpoint);
    Some(RequestView { tenant, index, principal, request_id, trace_id, endpoint, labels })
}

/// One fact, and the text behind it. An absent one has no length.
#[inline(always)]
fn fact(text: &str, present: u8, len: u64) -> Option<(Option<&str>, &str)> {
    match (present != 0, len) {
        (false, 0) => Some((None, text)),
        (false, _) => None,
        (true, len) => {
            let (fact, rest) = text.split_at_checked(usize::try_from(len).ok()?)?;
            Some((Some(fact), rest))
        }
    }
}

impl<'a> Labels<'a> {
    const NONE: Self = Self { table: &[], text: "" };

    /// Every length must fall between two characters, and together they must take all of the text.
    #[inline(always)]
    fn of(table: &'a [u8], text: &'a str) -> Option<Self> {
        // Without labels, which is the usual request, there is nothing to walk.
        if table.is_empty() {
            return text.is_empty().then_some(Self::NONE);
        }
        let labels = Self { table, text };
        labels.add_up().then_some(labels)
    }

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

    fn add_up(mut self) -> bool {
        let all = self.len();
        self.by_ref().count() == all && self.text.is_empty()
    }
}

impl<'a> Iterator for Labels<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let [n0, n1, v0, v1] = take(&mut self.table)?;
        let (name, text) = self.text.split_at_checked(u16::from_le_bytes([n0, n1]).into())?;
        let (value, text) = text.split_at_checked(u16::from_le_bytes([v0, v1]).into())?;
        self.text = text;
        Some((name, value))
    }
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
