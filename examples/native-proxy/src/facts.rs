//! Where in a request its facts are. Yours will differ; this is for an API in the manner of OpenSearch.

use aldis_etcd::layer::Head;
use aldis_etcd::{EndpointKind, Request};

/// The tenant and the principal by headers that a proxy in front has verified, index and endpoint by the path.
#[must_use]
pub fn facts(head: Head<'_>) -> Request<'_> {
    Request {
        tenant: head.header("x-tenant"),
        principal: head.header("x-principal"),
        index: head.segment(0).filter(|segment| !segment.starts_with('_')),
        endpoint: Some(endpoint(head)),
        request_id: head.header("x-request-id"),
        trace_id: head.trace_id(),
        labels: &[],
    }
}

fn endpoint(head: Head<'_>) -> EndpointKind {
    let operation = head.uri.path().split('/').find(|segment| segment.starts_with('_'));
    match (head.method.as_str(), operation) {
        (_, Some("_search")) => EndpointKind::Search,
        (_, Some("_msearch")) => EndpointKind::MultiSearch,
        (_, Some("_count")) => EndpointKind::Count,
        (_, Some("_mget")) => EndpointKind::MultiGet,
        (_, Some("_bulk")) => EndpointKind::IngestBulk,
        (_, Some("_delete_by_query")) => EndpointKind::DeleteByQuery,
        ("GET", Some("_doc")) => EndpointKind::GetById,
        ("DELETE", Some("_doc")) => EndpointKind::DeleteById,
        ("PUT" | "POST", Some("_doc")) => EndpointKind::IngestDoc,
        (_, Some("_cluster" | "_cat" | "_nodes")) => EndpointKind::Admin,
        _ => EndpointKind::Unknown,
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test that cannot go on ends, saying why")]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_by_its_path_what_it_is() {
        for (method, path, index, endpoint) in [
            ("GET", "/logs/_search?q=x", Some("logs"), EndpointKind::Search),
            ("POST", "/_bulk", None, EndpointKind::IngestBulk),
            ("GET", "/logs/_doc/7", Some("logs"), EndpointKind::GetById),
            ("DELETE", "/logs/_doc/7", Some("logs"), EndpointKind::DeleteById),
            ("PUT", "/logs/_doc/7", Some("logs"), EndpointKind::IngestDoc),
            ("GET", "/", None, EndpointKind::Unknown),
        ] {
            let request = http::Request::builder().method(method).uri(path).body(()).expect("is legal");
            let facts = facts(Head::of(&request));
            assert_eq!((facts.index, facts.endpoint), (index, Some(endpoint)), "{method} {path}");
        }
    }
}
