//! The last exchanges that a directive asked to keep: headers only, secrets taken out, and never more than so many.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::header::{AUTHORIZATION, COOKIE, HeaderName, PROXY_AUTHORIZATION, SET_COOKIE};
use http::{HeaderMap, Method, Uri};
use serde::Serialize;

/// Exchanges that are kept.
const CAPACITY: usize = 256;
/// Headers of one of them, and bytes of one header, beyond which there is no more.
const MOST_HEADERS: usize = 64;
const MOST_BYTES: usize = 256;

/// Whose value is nobody's business.
const SECRET: [HeaderName; 5] =
    [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE, HeaderName::from_static("x-api-key")];

/// One exchange, from when it begins.
#[derive(Clone, Debug, Serialize)]
pub struct Exchange {
    number: u64,
    /// `revision:digest:id` of the directive that asked for it.
    stamp: String,
    level: &'static str,
    method: String,
    /// Without the query, which may hold anything.
    path: String,
    request_headers: Vec<(String, String)>,
    /// Null while the upstream has not answered: it hangs.
    status: Option<u16>,
    response_headers: Vec<(String, String)>,
    /// Until the head of the answer, in milliseconds.
    answered_after_ms: Option<u64>,
}

/// The ring. Clones are one and the same.
#[derive(Clone, Debug, Default)]
pub struct Ring(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    last: u64,
    exchanges: VecDeque<Exchange>,
}

impl Ring {
    /// An exchange begins. Returns its number.
    pub(crate) fn begin(
        &self,
        stamp: String,
        level: &'static str,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> u64 {
        let mut kept = self.lock();
        kept.last += 1;
        let number = kept.last;
        if kept.exchanges.len() >= CAPACITY {
            kept.exchanges.pop_front();
        }
        kept.exchanges.push_back(Exchange {
            number,
            stamp,
            level,
            method: method.to_string(),
            path: cut(uri.path()),
            request_headers: redacted(headers),
            status: None,
            response_headers: Vec::new(),
            answered_after_ms: None,
        });
        number
    }

    /// It is answered. Nothing happens if it has been pushed out by then.
    pub(crate) fn answered(&self, number: u64, status: u16, headers: &HeaderMap, after_ms: u64) {
        let mut kept = self.lock();
        if let Some(exchange) = kept.exchanges.iter_mut().rev().find(|exchange| exchange.number == number) {
            exchange.status = Some(status);
            exchange.response_headers = redacted(headers);
            exchange.answered_after_ms = Some(after_ms);
        }
    }

    /// All that are kept, oldest first.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.lock().exchanges.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn redacted(headers: &HeaderMap) -> Vec<(String, String)> {
    let shown = headers.iter().take(MOST_HEADERS).map(|(name, value)| {
        let value = match SECRET.contains(name) {
            true => "(redacted)".to_owned(),
            false => cut(&String::from_utf8_lossy(value.as_bytes())),
        };
        (name.to_string(), value)
    });
    shown.collect()
}

fn cut(text: &str) -> String {
    text.chars().take(MOST_BYTES).collect()
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test that cannot go on ends, saying why")]
mod tests {
    use super::*;

    fn begin(ring: &Ring, headers: &HeaderMap) -> u64 {
        let uri = Uri::from_static("/logs/_search?q=secret");
        ring.begin("1:ab:id".to_owned(), "Shape", &Method::GET, &uri, headers)
    }

    #[test]
    fn it_keeps_the_last_and_is_never_larger_than_it_is() {
        let ring = Ring::default();
        let first = begin(&ring, &HeaderMap::new());
        for _ in 0..CAPACITY {
            begin(&ring, &HeaderMap::new());
        }
        ring.answered(first, 200, &HeaderMap::new(), 1);
        let kept = ring.exchanges();
        assert_eq!((kept.len(), kept.first().map(|exchange| exchange.number)), (CAPACITY, Some(2)));
        assert!(kept.iter().all(|exchange| exchange.status.is_none()));
    }

    #[test]
    fn it_shows_no_secret_and_no_query_and_nothing_without_end() {
        let mut headers = HeaderMap::new();
        for name in SECRET {
            headers.insert(name, "hunter2".parse().expect("is legal"));
        }
        headers.insert("x-long", "y".repeat(5000).parse().expect("is legal"));
        for number in 0..200 {
            headers.append("x-many", number.into());
        }
        let ring = Ring::default();
        let number = begin(&ring, &headers);
        ring.answered(number, 200, &headers, 3);
        let text = serde_json::to_string(&ring.exchanges()).expect("is JSON");
        assert!(!text.contains("hunter2") && !text.contains("q=secret"), "{text}");
        assert!(text.len() < 8_000, "{} bytes", text.len());
    }
}
