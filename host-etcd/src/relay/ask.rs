//! What can be asked without changing anything: is this document valid, and what is decided about this request.

use std::sync::Arc;

use aldis_answer::{Checked, Facts, Time};
use aldis_core::{DecodeError, DirectiveSet, UnixMillis, decode};
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Shared;
use super::body::read;
use super::problem::{Problem, Refusal, json};
use crate::answer::{self, lines};
use crate::kv::Revision;
use crate::mirror::{Digest, Snapshot};
use crate::publish::warnings;
use crate::store::DEFAULT_SCOPE;

/// `POST /v1/check`
pub(super) async fn check(State(shared): State<Arc<Shared>>, body: Body) -> Result<Response, Problem> {
    let held = read(&shared.bodies, &shared.limits, body).await?;
    let (now, key, document) = (shared.store.clock().wall(), shared.digest_key.clone(), held.bytes.clone());
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
    /// What decides, in place of what is in force.
    #[serde(borrow)]
    document: Option<&'a RawValue>,
    /// What the relative lifetimes of that document count from; `now` if absent.
    anchor: Option<Time>,
    /// Whether to say of each directive why or why not.
    #[serde(default)]
    explain: bool,
}

fn point(time: Option<&Time>, name: &str, otherwise: UnixMillis) -> Result<UnixMillis, Problem> {
    let read = |time: &Time| {
        time.read().ok_or_else(|| {
            Problem::bad_request(format!("{name} is RFC 3339 with offset, or milliseconds since 1970"))
        })
    };
    time.map_or(Ok(otherwise), read)
}

fn decided(question: &Bytes, now: UnixMillis, in_force: &Arc<Snapshot>) -> Result<Response, Problem> {
    let question: Question<'_> = serde_json::from_slice(question)
        .map_err(|error| Problem::bad_request(format!("not a question: {error}")))?;
    // Whoever names a time means that of the wall clock.
    let in_force = match &question.now {
        Some(_) => Arc::new(in_force.by_the_wall_clock()),
        None => Arc::clone(in_force),
    };
    let now = point(question.now.as_ref(), "now", now)?;
    let anchor = point(question.anchor.as_ref(), "anchor", now)?;
    let snapshot = match question.document {
        Some(document) => match snapshot_of(document.get().as_bytes(), anchor) {
            Ok(snapshot) => snapshot,
            Err(error) => return Ok(json(StatusCode::UNPROCESSABLE_ENTITY, &Refusal { error })),
        },
        None => in_force,
    };
    let answer = question.request.with(|request| {
        let decision = snapshot.set.evaluate(request, now);
        let explain = question.explain.then(|| lines(&snapshot, request, now));
        json(StatusCode::OK, &answer::decided(&snapshot, decision, question.document.is_none(), explain))
    });
    answer.map_err(|unknown| Problem::bad_request(unknown.to_string()))
}

/// The document as if it lay under the usual key.
fn snapshot_of(document: &[u8], anchor: UnixMillis) -> Result<Arc<Snapshot>, DecodeError> {
    let set = DirectiveSet::decode(document, anchor)?;
    let digest = Digest::of([(DEFAULT_SCOPE.as_bytes(), document)]);
    Ok(Arc::new(Snapshot::new(Revision::ZERO, digest, Arc::new(set))))
}
