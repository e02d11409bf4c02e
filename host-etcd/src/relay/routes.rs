//! Which request goes where.

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{any, get, post};

use super::problem::Problem;
use super::{Shared, admin, ask, deliver, events, page, probe, publish};
use crate::meter;

/// Everything that the relay answers.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/directives", get(deliver::directives).put(publish::put))
        .route("/v1/image", get(deliver::image))
        .route("/v1/events", get(events::events))
        .route("/v1/check", post(ask::check))
        .route("/v1/eval", post(ask::eval))
        .route("/admin/directives", any(admin::admin))
        .route("/healthz", get(probe::healthz))
        .route("/readyz", get(probe::readyz))
        .route("/metrics", get(probe::metrics))
        .route("/status", get(probe::status))
        .fallback(page::page)
        .method_not_allowed_fallback(not_so)
        .layer(middleware::from_fn(counted))
        .with_state(shared)
}

async fn not_so(method: Method) -> Problem {
    let message = format!("not by {method}; Allow says how");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}

/// Counts requests by route and status. A path that is no route counts as one, so that nobody can make up names.
async fn counted(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    meter::relay::answered(route, response.status().as_u16());
    response
}
