//! What whoever runs the relay asks: does it live, is it ready, how does it stand.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Shared;
use super::problem::{Problem, json};
use crate::answer::Cause;
use crate::status::{State as Freshness, Status};

/// `GET /healthz`
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`
pub(super) async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    let view = shared.hub.view();
    let no = |message: String| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", message);
    if view.is_ending {
        return no("the relay ends".to_owned()).into_response();
    }
    if !view.was_live {
        return no("the source has not confirmed anything yet".to_owned()).into_response();
    }
    let status = shared.store.status();
    match status.stale_for.filter(|age| *age > shared.limits.stale) {
        Some(age) => no(format!("the source has last confirmed {} s ago", age.as_secs())).into_response(),
        None if status.state == Freshness::Stopped => no("the store has ended".to_owned()).into_response(),
        None => "ready\n".into_response(),
    }
}

/// `GET /metrics`
pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    match &shared.render {
        Some(render) => {
            let kind = "text/plain; version=0.0.4; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], render()).into_response()
        }
        None => Problem::new(StatusCode::NOT_FOUND, "not_enabled", "nothing is counted here").into_response(),
    }
}

/// `GET /status`
pub(super) async fn status(State(shared): State<Arc<Shared>>) -> Response {
    let status = shared.store.status();
    json(StatusCode::OK, &Standing::of(&status, shared.hub.listeners()))
}

/// `{"state","revision","digest","directives","last_confirmed","stale_for_ms",…,"refused":[{"key","revision","error"}]}`
#[derive(Serialize)]
struct Standing<'a> {
    state: &'static str,
    revision: Option<u64>,
    digest: Option<String>,
    directives: usize,
    /// RFC 3339.
    last_confirmed: Option<String>,
    confirmed_revision: Option<u64>,
    stale_for_ms: Option<u64>,
    refused: Vec<Refused<'a>>,
    reconnects: u64,
    cancels: u64,
    repairs: u64,
    panics: u64,
    sink_failures: u64,
    /// In hexadecimal digits, as etcd writes it.
    cluster_id: Option<String>,
    endpoint: Option<&'a str>,
    last_error: Option<&'a str>,
    state_refused: Option<&'a str>,
    /// How many streams of events are open.
    listeners: usize,
    version: &'static str,
}

#[derive(Serialize)]
struct Refused<'a> {
    key: String,
    revision: u64,
    error: Cause<'a>,
}

impl<'a> Standing<'a> {
    fn of(status: &'a Status, listeners: usize) -> Self {
        let refused = status.refused.iter().map(|(key, refusal)| Refused {
            key: key.to_string(),
            revision: refusal.revision.as_u64(),
            error: Cause(&refusal.cause),
        });
        Self {
            state: status.state.as_str(),
            revision: status.revision.map(crate::kv::Revision::as_u64),
            digest: status.digest.map(|digest| digest.to_string()),
            directives: status.directives,
            last_confirmed: status.last_confirmed.map(|at| at.to_string()),
            confirmed_revision: status.confirmed_revision.map(crate::kv::Revision::as_u64),
            stale_for_ms: status.stale_for.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            refused: refused.collect(),
            reconnects: status.reconnects,
            cancels: status.cancels,
            repairs: status.repairs,
            panics: status.panics,
            sink_failures: status.sink_failures,
            cluster_id: status.cluster_id.map(|id| format!("{id:x}")),
            endpoint: status.endpoint.as_deref(),
            last_error: status.last_error.as_deref(),
            state_refused: status.state_refused.as_deref(),
            listeners,
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}
