//! Documents. Decoding never panics and holds no more memory than the body allows; a refusal points into the body; and
//! what is accepted can be written down as a document that means the same.

use aldis_core::{DecodeError, Directive, DirectiveSet, Reason, UnixMillis};
use allocation_counter::measure;

use super::NOW;

/// What is put to the test. The twins put something else.
pub(crate) struct Subject {
    pub(crate) decode: fn(&[u8], UnixMillis) -> Result<DirectiveSet, DecodeError>,
    pub(crate) document: fn(&DirectiveSet) -> String,
}

pub(crate) const CORE: Subject = Subject { decode: DirectiveSet::decode, document };

/// Bytes that decoding may hold at once, whatever the body: scratch, an error with its path, first tables.
const AT_LEAST: u64 = 16 << 10;

/// Bytes that a list of directives may hold at once for each byte of the body. A directive that is as short as one can be
/// takes 17, while the list doubles.
const LISTED: u64 = 24;

/// The same for a set. Three any-of lists of ten short values, 200 bytes in all, are multiplied out into a thousand
/// entries of its tables, with 64 bytes each while those double: 323. From a million entries on a set is refused.
const MULTIPLIED: u64 = 400;

pub(crate) fn run(body: &[u8]) {
    holds(&CORE, body);
}

pub(crate) fn holds(subject: &Subject, body: &[u8]) {
    let listed = within(LISTED, body, || aldis_core::decode(body, NOW));
    match within(MULTIPLIED, body, || (subject.decode)(body, NOW)) {
        Err(error) => {
            is_placed_within(&error, body);
            match listed {
                Err(listed) => assert_eq!(listed, error),
                // Only a set is multiplied out, and may become too large by that.
                Ok(_) => assert_eq!(error.reason(), Reason::TooManyTargets, "{error}"),
            }
        }
        Ok(set) => {
            assert!(set.iter().eq(listed.expect("is a document")), "the set holds what the document lists");
            comes_back(subject, &set);
        }
    }
}

/// Does what decodes the body, and counts the bytes that it holds at once.
fn within<T>(per_byte: u64, body: &[u8], decode: impl FnOnce() -> T) -> T {
    let mut decoded = None;
    let used = measure(|| decoded = Some(decode())).bytes_max;
    let allowed = AT_LEAST + per_byte * body.len() as u64;
    assert!(used <= allowed, "{used} bytes for a body of {}, where {allowed} are allowed", body.len());
    decoded.expect("was called")
}

/// From what can be read out of the set. Times are absolute by now, so another anchor must change nothing.
fn comes_back(subject: &Subject, set: &DirectiveSet) {
    let document = (subject.document)(set);
    let again = (subject.decode)(document.as_bytes(), UnixMillis::new(1));
    assert_eq!(again.as_ref(), Ok(set), "{document}");
}

/// The document that says what a set holds.
pub(crate) fn document(set: &DirectiveSet) -> String {
    let directives: Vec<Directive<'_>> = set.iter().collect();
    format!(r#"{{"directives":{}}}"#, serde_json::to_string(&directives).expect("serializes"))
}

/// Line and column are those of a character of the document, or of its end.
fn is_placed_within(error: &DecodeError, body: &[u8]) {
    let span = error.span();
    assert!(span.start <= span.end && span.end <= body.len(), "{span:?} of {} bytes", body.len());
    let lines: Vec<&[u8]> = body.split(|&byte| byte == b'\n').collect();
    let line = lines[error.line() as usize - 1];
    let column = error.column() as usize;
    assert!(column >= 1 && column <= line.len() + 1, "{error} of a line of {} bytes", line.len());
    assert!(!error.message().is_empty() && !error.to_string().contains('\n'), "{error}");
}
