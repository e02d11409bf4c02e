//! What is known of a request before its body is read.

use aldis_core::{Request, Traceparent};
use http::{Extensions, HeaderMap, Method, Uri};

/// The head of a request, borrowed. What it tells of it is what the filter for Envoy tells of the same request, so that both
/// decide alike.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// `GET`, `POST`, …
    pub method: &'a Method,
    /// What is asked for.
    pub uri: &'a Uri,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// What other layers have found out: the peer, the route that matched.
    pub extensions: &'a Extensions,
}

impl<'a> Head<'a> {
    /// The head of this request.
    pub fn of<B>(request: &'a http::Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }

    /// The first header of this name, if it is UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        str::from_utf8(self.headers.get(name)?.as_bytes()).ok()
    }

    /// A segment of the path, from zero, as it was sent: escapes are not taken apart. An empty one is none.
    #[must_use]
    pub fn segment(&self, place: usize) -> Option<&'a str> {
        self.uri.path().split('/').skip(1).nth(place).filter(|segment| !segment.is_empty())
    }

    /// The trace id of a [`traceparent`](Traceparent), if there is one.
    #[must_use]
    pub fn trace_id(&self) -> Option<&'a str> {
        Traceparent::parse(self.header("traceparent")?).map(Traceparent::trace_id)
    }
}

/// Finds in a request the facts that directives ask for.
///
/// A function from [`Head`] to [`Request`] is one. Who has labels, which a request only borrows, implements it:
///
/// ```
/// use aldis_etcd::Request;
/// use aldis_etcd::layer::{Head, Mapping};
///
/// #[derive(Clone)]
/// struct WithMethod;
///
/// impl Mapping for WithMethod {
///     fn with<T>(&self, head: Head<'_>, decide: impl FnOnce(&Request<'_>) -> T) -> T {
///         let labels = [("method", head.method.as_str())];
///         decide(&Request { tenant: head.header("x-tenant"), labels: &labels, ..Request::EMPTY })
///     }
/// }
/// ```
pub trait Mapping {
    /// Hands the facts of a request on, and back what comes of it.
    fn with<T>(&self, head: Head<'_>, decide: impl FnOnce(&Request<'_>) -> T) -> T;
}

impl<F: for<'a> Fn(Head<'a>) -> Request<'a>> Mapping for F {
    fn with<T>(&self, head: Head<'_>, decide: impl FnOnce(&Request<'_>) -> T) -> T {
        decide(&self(head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_found_where_they_are_and_nowhere_else() {
        let request = http::Request::get("/acme/_search?q=1")
            .header("x-tenant", "acme")
            .header("x-place", "M\u{fc}nchen".as_bytes())
            .header("x-odd", &b"\xff"[..])
            .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
            .body(())
            .expect("is legal");
        let head = Head::of(&request);
        assert_eq!(
            (head.header("X-Tenant"), head.header("x-odd"), head.header("x-none")),
            (Some("acme"), None, None)
        );
        assert_eq!(
            (head.segment(0), head.segment(1), head.segment(2)),
            (Some("acme"), Some("_search"), None)
        );
        assert_eq!(head.header("x-place"), Some("M\u{fc}nchen"));
        assert_eq!(Head::of(&http::Request::new(())).segment(0), None, "the path is /");
        assert_eq!(head.trace_id(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        // What every engine takes for no such header; which headers those are, the core's own tests say.
        for bad in ["", "00-x-00f067aa0ba902b7-01", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"]
        {
            let request = http::Request::get("/").header("traceparent", bad).body(()).expect("is legal");
            assert_eq!(Head::of(&request).trace_id(), None, "{bad}");
        }
    }
}
