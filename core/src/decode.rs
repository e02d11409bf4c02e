//! Bytes of a document in, directives or a refusal out.
//!
//! A document is accepted whole or refused whole. It is read in one pass, by typed visitors over `serde_json`; text
//! without escapes is borrowed from the body. The first error in document order wins: the names, types and limits of a
//! field are judged when the field is read, what is missing when the directive ends. A value of the wrong type is read
//! to its end before it is refused, so what is malformed or too deep in it is reported as that. Only the size of the
//! body, and whether it is UTF-8 at all, are judged before everything else.

use alloc::vec::Vec;

use serde::de::DeserializeSeed;

use crate::directive::Directive;
use crate::error::{DecodeError, Reason};
use crate::limits::{MAX_BODY_BYTES, MAX_DIRECTIVES};
use crate::time::UnixMillis;

mod context;
mod directive;
mod document;
mod lists;
mod locate;
mod read;
mod suggest;

pub(crate) use context::refuse_whole;
use context::{Context, refuse_bytes, refuse_trailing};
use document::Document;
use read::Reader;

/// Reads a document. `ttl_secs` counts from `anchor`.
///
/// Cost: one pass over the body; no allocation for text without escapes.
///
/// # Errors
///
/// The first error in document order, with its place.
pub fn decode(body: &[u8], anchor: UnixMillis) -> Result<Vec<Directive<'_>>, DecodeError> {
    let mut directives = Vec::new();
    decode_each(body, anchor, expected_directives(body), &mut |directive| directives.push(directive))?;
    Ok(directives)
}

/// How many directives a body most likely has: each is an object, and few hold another. Room that is made for them at once
/// need not grow, and grows from no body beyond a small multiple of its size.
pub(crate) fn expected_directives(body: &[u8]) -> usize {
    const SHORTEST: usize = br#"{"id":"a","level":"Off","ttl_secs":1},"#.len();
    // Counts that fit into bytes are counted sixteen at a time.
    let in_chunk =
        |chunk: &[u8]| chunk.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(u8::from(byte == b'{')));
    let objects = body.chunks(usize::from(u8::MAX)).map(|chunk| usize::from(in_chunk(chunk))).sum::<usize>();
    objects.saturating_sub(1).min(body.len() / SHORTEST).min(MAX_DIRECTIVES)
}

/// Like [`decode`], but hands each directive on as soon as it is read. What was handed on before an error is void.
pub(crate) fn decode_each<'de>(
    body: &'de [u8],
    anchor: UnixMillis,
    expected: usize,
    accept: &mut dyn FnMut(Directive<'de>),
) -> Result<(), DecodeError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(refuse_whole(body, Reason::BodyTooLarge));
    }
    let text = core::str::from_utf8(body).map_err(|error| refuse_bytes(body, &error))?;
    let context = Context::new(anchor);
    let mut json = serde_json::Deserializer::from_str(text);
    let document = Reader(Document::new(&context, expected, accept));
    document.deserialize(&mut json).map_err(|error| context.into_error(body, &error))?;
    json.end().map_err(|error| refuse_trailing(body, &error))
}

#[cfg(test)]
mod tests;
