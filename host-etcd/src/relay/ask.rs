//! What can be asked without changing anything: is this document valid, and what is decided about this request.

use std::sync::Arc;

use aldis_core::{DirectiveSet, EndpointKind, Request, UnixMillis, decode};
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Shared;
use super::body::read;
use super::problem::{Problem, json};
use crate::answer::{Checked, Decided, lines};
use crate::kv::Revision;
use crate::mirror::{Digest, Snapshot};
use crate::publish::warnings;

/// `POST /v1/check`
pub(super) async fn check(State(shared): State<Arc<Shared>>, body: Body) -> Result<Response, Problem> {
    let held = read(&shared.bodies, &shared.limits, body).await?;
    let (now, key, document) = (shared.store.now(), shared.digest_key.clone(), held.bytes.clone());
    beside(move || {
        let digest = Digest::of([(key.as_slice(), &*document)]);
        let judged = decode(&document, now).map(|all| (all.len(), warnings(&all, now)));
        json(
            StatusCode::OK,
            &match &judged {
                Ok((directives, warnings)) => Checked::valid(*directives, digest, warnings),
                Err(error) => Checked::invalid(error),
            },
        )
    })
    .await
}

/// `POST /v1/eval`
pub(super) async fn eval(State(shared): State<Arc<Shared>>, body: Body) -> Result<Response, Problem> {
    let held = read(&shared.bodies, &shared.limits, body).await?;
    let (now, in_force, question) = (shared.store.now(), shared.store.snapshot(), held.bytes.clone());
    beside(move || decided(&question, now, &in_force)).await?
}

/// Work that takes too long for a thread that serves others.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Problem::unavailable("the relay ends"))
}

/// `{"request":{…}}`, and what is optional.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question<'a> {
    request: Facts,
    /// Milliseconds since 1970, or RFC 3339; now if absent.
    now: Option<Time>,
    /// What decides, in place of what is in force. Its relative lifetimes count from `now`.
    #[serde(borrow)]
    document: Option<&'a RawValue>,
    /// Whether to say of each directive why or why not.
    #[serde(default)]
    explain: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    tenant: Option<String>,
    index: Option<String>,
    principal: Option<String>,
    endpoint: Option<String>,
    request_id: Option<String>,
    trace_id: Option<String>,
    #[serde(default)]
    labels: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Time {
    Millis(u64),
    Text(String),
}

impl Time {
    fn read(&self) -> Option<UnixMillis> {
        match self {
            Self::Millis(millis) => Some(UnixMillis::new(*millis)),
            Self::Text(text) => UnixMillis::parse_rfc3339(text),
        }
    }
}

fn decided(question: &Bytes, now: UnixMillis, in_force: &Arc<Snapshot>) -> Result<Response, Problem> {
    let question: Question<'_> = serde_json::from_slice(question)
        .map_err(|error| Problem::bad_request(format!("not a question: {error}")))?;
    let now = match &question.now {
        Some(time) => time
            .read()
            .ok_or_else(|| Problem::bad_request("now is RFC 3339 with offset, or milliseconds since 1970"))?,
        None => now,
    };
    let endpoint = question.request.endpoint.as_deref().map(|name| {
        EndpointKind::from_name(name)
            .ok_or_else(|| Problem::bad_request(format!("unknown endpoint `{}`", name.escape_debug())))
    });
    let endpoint = endpoint.transpose()?;
    let snapshot = match question.document {
        Some(document) => match snapshot_of(document.get().as_bytes(), now) {
            Ok(snapshot) => snapshot,
            Err(error) => {
                return Ok(json(StatusCode::UNPROCESSABLE_ENTITY, &super::problem::Refusal { error }));
            }
        },
        None => Arc::clone(in_force),
    };
    let facts = &question.request;
    let labels: Vec<_> = facts.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let request = Request {
        tenant: facts.tenant.as_deref(),
        index: facts.index.as_deref(),
        principal: facts.principal.as_deref(),
        endpoint,
        request_id: facts.request_id.as_deref(),
        trace_id: facts.trace_id.as_deref(),
        labels: &labels,
    };
    let decision = snapshot.set.evaluate(&request, now);
    let explain = question.explain.then(|| lines(&snapshot, &request, now));
    let answer = Decided::of(&snapshot, decision, question.document.is_none(), explain);
    Ok(json(StatusCode::OK, &answer))
}

/// The document as if it lay under the usual key.
fn snapshot_of(document: &[u8], now: UnixMillis) -> Result<Arc<Snapshot>, aldis_core::DecodeError> {
    let set = DirectiveSet::decode(document, now)?;
    let digest = Digest::of([(crate::store::DEFAULT_SCOPE.as_bytes(), document)]);
    Ok(Arc::new(Snapshot { revision: Revision::ZERO, digest, set: Arc::new(set) }))
}
