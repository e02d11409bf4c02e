//! The proxy itself: hands requests to the upstream and answers back, bodies as they come.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use http::header::{CONNECTION, HeaderName, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::Service;

/// Of one connection only (RFC 9110, §7.6.1).
const HOP_BY_HOP: [HeaderName; 6] = [
    CONNECTION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Forwards to one upstream, over connections that are kept.
#[derive(Clone, Debug)]
pub struct Forward {
    client: Client<HttpConnector, Body>,
    upstream: Authority,
}

impl Forward {
    /// To this upstream, in plain text.
    #[must_use]
    pub fn to(upstream: Authority) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, upstream }
    }

    fn rewrite(&self, request: &mut Request<Body>) {
        strip(request.headers_mut());
        let path = request.uri().path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        let uri = Uri::builder().scheme(Scheme::HTTP).authority(self.upstream.clone()).path_and_query(path);
        // Three legal parts make a legal whole.
        *request.uri_mut() = uri.build().unwrap_or_default();
        *request.version_mut() = http::Version::HTTP_11;
    }
}

impl Service<Request<Body>> for Forward {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        self.rewrite(&mut request);
        let answer = self.client.request(request);
        Box::pin(async {
            Ok(match answer.await {
                Ok(answer) => {
                    let mut answer = answer.map(Body::new);
                    strip(answer.headers_mut());
                    answer
                }
                Err(error) => {
                    tracing::warn!(%error, "the upstream did not answer");
                    let mut answer = Response::new(Body::from("the upstream did not answer\n"));
                    *answer.status_mut() = StatusCode::BAD_GATEWAY;
                    answer
                }
            })
        })
    }
}

/// Also what `Connection` names is of this connection only.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test that cannot go on ends, saying why")]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_one_connection_is_not_handed_on() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Secret-Hop"),
            ("x-secret-hop", "1"),
            ("te", "trailers"),
            ("x-tenant", "acme"),
        ] {
            headers.append(name, value.parse().expect("is legal"));
        }
        strip(&mut headers);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["x-tenant"]);
    }
}
