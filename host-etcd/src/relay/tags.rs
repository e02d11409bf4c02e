//! Entity tags: which set it is, and whether a client has it (RFC 9110, §8.8.3 and §13.1).

use axum::http::{HeaderMap, HeaderValue, header};
use twox_hash::XxHash64;

use crate::mirror::Snapshot;

/// What names a set: its revision, its digest, and its image. The image, as two relays that have seen a relative lifetime
/// at different times hold the same documents and not the same set.
pub(super) fn of(snapshot: &Snapshot) -> HeaderValue {
    let digest: String = snapshot.digest.to_string().chars().take(16).collect();
    let image = XxHash64::oneshot(0, snapshot.told().as_image());
    let tag = format!("\"{}-{digest}-{image:016x}\"", snapshot.revision);
    // Digits and letters in quotes are always a legal value.
    HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Whether `If-None-Match` names this set. What is not understood names none, and the answer comes whole.
pub(super) fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    named(headers.get_all(header::IF_NONE_MATCH), etag, true)
}

/// What a writer demands of the set that its change replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// Nothing.
    None,
    /// That it is this one, or any if it exists at all: whether it is.
    Match(bool),
    /// That there is none.
    Absent,
}

/// `If-Match`, or `If-None-Match: *`.
pub(super) fn demand(headers: &HeaderMap, etag: &HeaderValue) -> Demand {
    if headers.contains_key(header::IF_MATCH) {
        return Demand::Match(named(headers.get_all(header::IF_MATCH), etag, false));
    }
    match headers.get(header::IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == b"*") {
        true => Demand::Absent,
        false => Demand::None,
    }
}

fn named<'h>(values: impl IntoIterator<Item = &'h HeaderValue>, etag: &HeaderValue, weakly: bool) -> bool {
    let is_this = |tag: &[u8]| match tag.trim_ascii() {
        b"*" => true,
        tag => tag.strip_prefix(b"W/").filter(|_| weakly).unwrap_or(tag) == etag.as_bytes(),
    };
    // A comma within a tag would be legal; ours have none, so that its parts are none of ours.
    values.into_iter().any(|value| value.as_bytes().split(|&byte| byte == b',').any(is_this))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_client_that_names_the_set_in_any_legal_way_has_it() {
        let etag = HeaderValue::from_static("\"7-ab-cd\"");
        for known in [
            &["\"7-ab-cd\""][..],
            &["W/\"7-ab-cd\""],
            &["*"],
            &["\"x\", \"7-ab-cd\""],
            &["\"x\"", "\"7-ab-cd\""],
        ] {
            assert!(is_known(&headers(header::IF_NONE_MATCH, known), &etag), "{known:?}");
        }
        for other in
            [&[][..], &["\"7-ab-c\""], &["7-ab-cd"], &["\"7-ab-cd"], &[""], &["W/"], &[",,,"], &["\"\""]]
        {
            assert!(!is_known(&headers(header::IF_NONE_MATCH, other), &etag), "{other:?}");
        }
    }

    #[test]
    fn a_writer_compares_strongly() {
        let etag = HeaderValue::from_static("\"7-ab-cd\"");
        let demand_of = |name, values| demand(&headers(name, values), &etag);
        assert_eq!(demand_of(header::IF_MATCH, &["\"7-ab-cd\""]), Demand::Match(true));
        assert_eq!(demand_of(header::IF_MATCH, &["*"]), Demand::Match(true));
        assert_eq!(demand_of(header::IF_MATCH, &["W/\"7-ab-cd\""]), Demand::Match(false));
        assert_eq!(demand_of(header::IF_MATCH, &["\"6-ab-cd\""]), Demand::Match(false));
        assert_eq!(demand_of(header::IF_NONE_MATCH, &["*"]), Demand::Absent);
        assert_eq!(demand_of(header::IF_NONE_MATCH, &["\"7-ab-cd\""]), Demand::None);
        assert_eq!(demand_of(header::ETAG, &["\"7-ab-cd\""]), Demand::None);
    }
}
