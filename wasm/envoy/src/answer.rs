//! What an answer of the relay says, and why it may be worth nothing.

use alloc::borrow::ToOwned;
use core::fmt;

use aldis_core::ImageError;

use crate::block;
use crate::limits::MAX_IMAGE_BYTES;
use crate::record::Stamp;

/// An answer that is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Of the image in the body, which has no number yet; `None`: what is in force is what the relay has.
    pub(crate) image: Option<Stamp>,
    /// Whether the relay says that its source does not confirm the set at present.
    pub(crate) is_stale: bool,
}

/// Why an answer changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Envoy has no such cluster, or does not send to it.
    NoCluster,
    /// Nobody answered, and Envoy did not call back either.
    Silence,
    /// The relay, or Envoy in its place, answered with this status; zero: with none at all.
    Status(u16),
    /// It says that nothing changed, and was not asked so.
    Unasked,
    /// The header of this name is missing or malformed.
    Header(&'static str),
    /// The body is larger than any image.
    TooLarge,
    /// The body is no image.
    Image(ImageError),
    /// It is older than what is in force, or the relay is cut off and what it has is of another cluster.
    Older,
}

impl Fault {
    /// Whether something was answered that must be refused, rather than nothing of use.
    pub(crate) const fn is_malformed(self) -> bool {
        matches!(self, Self::Unasked | Self::Header(_) | Self::TooLarge | Self::Image(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCluster => f.write_str("Envoy has no such cluster, or nothing in it to send to"),
            Self::Silence => f.write_str("no answer"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Unasked => f.write_str("status 304 to a request without a condition"),
            Self::Header(name) => write!(f, "the header {name} is missing or malformed"),
            Self::TooLarge => f.write_str("the body is larger than an image may be"),
            Self::Image(error) => write!(f, "{error}"),
            Self::Older => f.write_str(
                "an older revision than the one in force, or another cluster's from a relay that is cut off",
            ),
        }
    }
}

/// Reads the headers of an answer with a body of `len` bytes. `conditional` says whether it was asked for what is newer
/// only.
///
/// # Errors
///
/// Everything that is wrong apart from the image itself.
pub(crate) fn read(headers: &[u8], len: usize, conditional: bool) -> Result<Answer, Fault> {
    let image = match status(headers) {
        304 if conditional => None,
        304 => return Err(Fault::Unasked),
        200 if len > MAX_IMAGE_BYTES => return Err(Fault::TooLarge),
        200 => Some(stamp(headers)?),
        other => return Err(Fault::Status(other)),
    };
    Ok(Answer { image, is_stale: text(headers, "aldis-state").is_some_and(|state| state != "live") })
}

fn status(headers: &[u8]) -> u16 {
    text(headers, ":status").and_then(|status| status.parse().ok()).unwrap_or(0)
}

fn stamp(headers: &[u8]) -> Result<Stamp, Fault> {
    let text = |name| text(headers, name).ok_or(Fault::Header(name));
    let etag = text("etag")?;
    // A field value that is sent back must be one.
    if etag.is_empty() || etag.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(Fault::Header("etag"));
    }
    let revision = text("aldis-revision")?;
    let digest = text("aldis-digest")?;
    let lower_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if digest.len() != 64 || !digest.bytes().all(lower_hex) {
        return Err(Fault::Header("aldis-digest"));
    }
    // Without the sign that `parse` would take.
    let digits = Some(revision).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let revision = digits.and_then(|digits| digits.parse().ok()).ok_or(Fault::Header("aldis-revision"))?;
    let cluster = self::text(headers, "aldis-cluster").unwrap_or_default();
    Ok(Stamp {
        number: 0,
        revision,
        digest: digest.to_owned(),
        etag: etag.to_owned(),
        cluster: cluster.to_owned(),
    })
}

fn text<'a>(headers: &'a [u8], name: &str) -> Option<&'a str> {
    core::str::from_utf8(block::value(headers, name)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn answer(changes: &[(&str, Option<&str>)]) -> Vec<u8> {
        let good = [
            (":status", "200"),
            ("etag", "\"5\""),
            ("aldis-revision", "5"),
            ("aldis-digest", DIGEST),
            ("aldis-cluster", "c1"),
            ("aldis-state", "live"),
        ];
        let changed = |name| changes.iter().find(|(changed, _)| *changed == name).map(|(_, value)| *value);
        let headers = good.map(|(name, value)| (name, changed(name).unwrap_or(Some(value))));
        let headers = headers.iter().filter_map(|(name, value)| Some((*name, (*value)?.as_bytes())));
        block::write::<&[u8]>(&headers.collect::<Vec<_>>())
    }

    #[test]
    fn a_good_answer_is_read() {
        let (digest, etag, cluster) = (DIGEST.to_owned(), "\"5\"".to_owned(), "c1".to_owned());
        let stamp = Stamp { number: 0, revision: 5, digest, etag, cluster };
        let told = |image, is_stale| Ok(Answer { image, is_stale });
        assert_eq!(read(&answer(&[]), 10, true), told(Some(stamp.clone()), false));
        assert_eq!(read(&answer(&[(":status", Some("304"))]), 0, true), told(None, false));
        assert_eq!(
            read(&answer(&[("aldis-state", Some("stale"))]), 10, true),
            told(Some(stamp.clone()), true)
        );
        let silent = Stamp { cluster: String::new(), ..stamp };
        assert_eq!(read(&answer(&[("aldis-cluster", None)]), 10, true), told(Some(silent), false));
    }

    #[test]
    fn anything_else_is_a_fault_with_a_name() {
        for (changes, fault) in [
            (&[(":status", Some("503"))][..], Fault::Status(503)),
            (&[(":status", Some("204"))], Fault::Status(204)),
            (&[(":status", None)], Fault::Status(0)),
            (&[("etag", None)], Fault::Header("etag")),
            (&[("etag", Some(""))], Fault::Header("etag")),
            (&[("aldis-revision", None)], Fault::Header("aldis-revision")),
            (&[("aldis-revision", Some("+5"))], Fault::Header("aldis-revision")),
            (&[("aldis-revision", Some(""))], Fault::Header("aldis-revision")),
            (&[("aldis-revision", Some("18446744073709551616"))], Fault::Header("aldis-revision")),
            (&[("aldis-digest", None)], Fault::Header("aldis-digest")),
            (&[("aldis-digest", Some("e3"))], Fault::Header("aldis-digest")),
            (&[("aldis-digest", Some(&DIGEST.to_uppercase()))], Fault::Header("aldis-digest")),
        ] {
            assert_eq!(read(&answer(changes), 10, true), Err(fault), "{changes:?}");
        }
        assert_eq!(read(&answer(&[]), MAX_IMAGE_BYTES + 1, true), Err(Fault::TooLarge));
        assert_eq!(read(&answer(&[(":status", Some("304"))]), 0, false), Err(Fault::Unasked));
        assert_eq!(read(&[], 0, true), Err(Fault::Status(0)));
    }
}
