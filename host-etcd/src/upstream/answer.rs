//! What a relay answers, held to what it may be.

use std::sync::Arc;

use aldis_core::DirectiveSet;
use http::header::ETAG;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::kv::{Header, KvError, Revision};
use crate::mirror::{Digest, Snapshot};
use crate::status::State;
use crate::wire;

/// The answer to the question for another image than the last.
pub(super) enum Answer {
    /// There is none.
    Same {
        /// Where what was had stands.
        header: Header,
        /// Whether the relay's source confirms it.
        state: State,
    },
    /// This one.
    Image { etag: HeaderValue, header: Header, snapshot: Arc<Snapshot>, state: State },
}

impl Answer {
    pub(super) fn same(headers: &HeaderMap) -> Result<Self, KvError> {
        Ok(Self::Same { header: header(headers)?, state: state(headers)? })
    }

    /// Nothing of it is believed before all of it holds.
    pub(super) fn image(headers: &HeaderMap, body: Vec<u8>) -> Result<Self, KvError> {
        let etag = headers.get(ETAG).cloned().ok_or_else(|| nonsense("it has no ETag"))?;
        let header = header(headers)?;
        let digest = text(headers, &wire::DIGEST)?.parse::<Digest>();
        let digest = digest.map_err(|_| nonsense("its digest is none"))?;
        let set = DirectiveSet::from_image(body).map_err(|error| nonsense(&error.to_string()))?;
        Ok(Self::Image {
            etag,
            header,
            snapshot: Arc::new(Snapshot::new(header.revision, digest, Arc::new(set))),
            state: state(headers)?,
        })
    }
}

fn header(headers: &HeaderMap) -> Result<Header, KvError> {
    let revision = text(headers, &wire::REVISION)?.parse().map(Revision::new);
    let revision = revision.map_err(|_| nonsense("its revision is no number"))?;
    let cluster_id = u64::from_str_radix(text(headers, &wire::CLUSTER)?, 16);
    let cluster_id = cluster_id.map_err(|_| nonsense("its cluster is no number"))?;
    Ok(Header { cluster_id, revision })
}

fn state(headers: &HeaderMap) -> Result<State, KvError> {
    match text(headers, &wire::STATE)? {
        "live" => Ok(State::Live),
        "starting" | "stale" | "stopped" => Ok(State::Stale),
        _ => Err(nonsense("its state is none")),
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, KvError> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.ok_or_else(|| nonsense(&format!("it has no {name}; is this an aldis relay?")))
}

pub(super) fn nonsense(what: &str) -> KvError {
    KvError::Failed {
        operation: "the question for the image",
        cause: format!("the answer is of no use: {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(changes: &[(HeaderName, Option<&'static str>)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, HeaderValue::from_static("\"1\""));
        headers.insert(wire::REVISION, HeaderValue::from_static("7"));
        headers.insert(wire::CLUSTER, HeaderValue::from_static("1f"));
        headers.insert(wire::STATE, HeaderValue::from_static("live"));
        let digest = Digest::of([]).to_string();
        headers.insert(wire::DIGEST, HeaderValue::try_from(digest).expect("is legal"));
        for (name, value) in changes {
            match value {
                Some(value) => headers.insert(name.clone(), HeaderValue::from_static(value)),
                None => headers.remove(name),
            };
        }
        headers
    }

    #[test]
    fn an_answer_of_a_relay_is_taken_as_it_says() {
        let image = DirectiveSet::empty().into_image();
        match Answer::image(&headers(&[]), image).expect("is whole") {
            Answer::Image { header, snapshot, state, .. } => {
                assert_eq!(header, Header { cluster_id: 0x1f, revision: Revision::new(7) });
                assert_eq!((snapshot.revision, snapshot.digest), (Revision::new(7), Digest::of([])));
                assert_eq!(state, State::Live);
            }
            Answer::Same { .. } => panic!("it is another"),
        }
        let stale = Answer::same(&headers(&[(wire::STATE, Some("stale"))]));
        assert!(matches!(stale, Ok(Answer::Same { state: State::Stale, .. })));
    }

    #[test]
    fn an_answer_with_anything_missing_or_wrong_is_not_believed() {
        let image = DirectiveSet::empty().into_image();
        for change in [
            (ETAG, None),
            (wire::REVISION, None),
            (wire::REVISION, Some("-1")),
            (wire::CLUSTER, Some("xyz")),
            (wire::CLUSTER, None),
            (wire::DIGEST, Some("abc")),
            (wire::DIGEST, None),
            (wire::STATE, Some("fine")),
            (wire::STATE, None),
        ] {
            let what = format!("{change:?}");
            assert!(Answer::image(&headers(&[change]), image.clone()).is_err(), "{what}");
        }
        for bytes in [&image[1..], &image[..image.len() - 1], b"<html>", b""] {
            assert!(Answer::image(&headers(&[]), bytes.to_vec()).is_err());
        }
        assert!(Answer::same(&HeaderMap::new()).is_err());
    }
}
