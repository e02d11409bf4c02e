//! The set, as a document and as an image: at once, or held back until there is news.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use tokio::time::timeout;

use super::hub::{Hub, View};
use super::parameters::Parameters;
use super::problem::Problem;
use super::{Shared, tags};
use crate::duration;
use crate::meter;
use crate::wire;

/// `?wait=30s`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    wait: Option<String>,
}

impl Wait {
    fn within(&self, longest: Duration) -> Result<Duration, Problem> {
        let Some(asked) = &self.wait else { return Ok(Duration::ZERO) };
        let asked = duration::parse(asked);
        asked
            .map(|asked| asked.min(longest))
            .ok_or_else(|| Problem::bad_request("wait is a duration such as 30s"))
    }
}

/// `GET /v1/directives`
pub(super) async fn directives(
    State(shared): State<Arc<Shared>>,
    Parameters(wait): Parameters<Wait>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    deliver(&shared, &wait, &headers, "application/json", async |view| view.document().await).await
}

/// `GET /v1/image`
pub(super) async fn image(
    State(shared): State<Arc<Shared>>,
    Parameters(wait): Parameters<Wait>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    deliver(&shared, &wait, &headers, wire::IMAGE_TYPE, async |view| view.image()).await
}

async fn deliver(
    shared: &Shared,
    wait: &Wait,
    headers: &HeaderMap,
    content_type: &'static str,
    body: impl AsyncFnOnce(&View) -> Bytes,
) -> Result<Response, Problem> {
    let wait = wait.within(shared.limits.wait)?;
    let view = news(&shared.hub, headers, wait).await;
    let mut response = match tags::is_known(headers, &view.etag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => ([(header::CONTENT_TYPE, content_type)], body(&view).await).into_response(),
    };
    response.headers_mut().extend(names(&view));
    Ok(response)
}

/// What is in force, as soon as it is another set than the client's, or its state is another than at first.
async fn news(hub: &Hub, headers: &HeaderMap, wait: Duration) -> Arc<View> {
    let mut views = hub.views();
    let first = Arc::clone(&views.borrow_and_update());
    let is_news = |view: &Arc<View>| {
        view.is_ending || view.state != first.state || !tags::is_known(headers, &view.etag)
    };
    if wait.is_zero() || is_news(&first) {
        return first;
    }
    let _waiting = meter::relay::waiting();
    // Neither outcome matters: the time is up, or there is news.
    let _ = timeout(wait, views.wait_for(is_news)).await;
    hub.view()
}

fn names(view: &View) -> [(HeaderName, HeaderValue); 6] {
    let digest = HeaderValue::try_from(view.snapshot.digest.to_string());
    let cluster = HeaderValue::try_from(format!("{:x}", view.cluster_id));
    [
        (header::ETAG, view.etag.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (wire::REVISION, HeaderValue::from(view.snapshot.revision.as_u64())),
        // Hexadecimal digits are always a legal value.
        (wire::DIGEST, digest.unwrap_or(HeaderValue::from_static(""))),
        (wire::CLUSTER, cluster.unwrap_or(HeaderValue::from_static(""))),
        (wire::STATE, HeaderValue::from_static(view.state.as_str())),
    ]
}
