//! `/admin/directives` in the manner of the reference, for tools that were made for it: its status codes, and errors as
//! `{"error":"…"}` with its reasons.
//!
//! | answer | when |
//! |---|---|
//! | 200 `{"published":N}` | `POST`: the body is published |
//! | 200 `{"directives":[…]}` | `GET`: what is in force, without lifetimes, each directive with `expired` |
//! | 400 `{"error":"…"}` | the document is refused, for this reason |
//! | 401 `unauthorized`, 403 `tls_required`, 404 `not_enabled`, 405 `method_not_allowed` | as in the reference |
//! | 409 `conflict`, 503 `unavailable` | others publish at the same time; the source does not answer |
//!
//! A directive without a target is taken for meant, as there. Lifetimes are published as absolute ends. Reading, too, is
//! refused in plain text: the token is the same.

use std::sync::Arc;

use aldis_core::{Directive, UnixMillis};
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Shared;
use super::body::read;
use super::parameters::Parameters;
use super::problem::{Problem, json};
use super::publish::{Denied, Peer, Publishing, admit};
use crate::kv::{Key, KvError};
use crate::publish::{Draft, FleetWide, Lifetimes, PublishError, commit, plan};

/// How often a publication is tried while others come between. The reference knows no revisions: the last one wins.
const TRIES: usize = 5;

/// Under a prefix, which document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Name {
    name: Option<String>,
}

/// Any method.
pub(super) async fn admin(
    State(shared): State<Arc<Shared>>,
    Extension(peer): Extension<Peer>,
    method: Method,
    headers: HeaderMap,
    name: Result<Parameters<Name>, Problem>,
    body: Body,
) -> Response {
    let answer = async {
        match method {
            Method::GET => {
                admit(&shared, peer, &headers)?;
                Ok(json(StatusCode::OK, &introspect(&shared)))
            }
            Method::POST => {
                let publishing = admit(&shared, peer, &headers)?;
                let Parameters(name) = name.map_err(Slug::of)?;
                let key = publishing.key(name.name.as_deref()).map_err(Slug::of)?;
                let held = read(&shared.drafts, &shared.limits, body).await.map_err(Slug::of)?;
                let count = publish(&shared, publishing, &key, &held.bytes).await?;
                Ok(json(StatusCode::OK, &Published { published: count }))
            }
            _ if shared.publishing.is_none() => Err(Slug::from(Denied::NotEnabled)),
            _ => Err(Slug(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed")),
        }
    };
    answer.await.unwrap_or_else(IntoResponse::into_response)
}

async fn publish(shared: &Shared, publishing: &Publishing, key: &Key, body: &[u8]) -> Result<usize, Slug> {
    for _ in 0..TRIES {
        let draft = Draft::new(body, shared.store.clock().wall(), Lifetimes::Absolute, FleetWide::Meant)?;
        let (_, plan) = plan(publishing.kv(), key, &draft, None).await?;
        match commit(publishing.kv(), key, draft.body(), plan.replaces).await {
            Err(KvError::Conflict { .. }) => {}
            committed => {
                shared.seen(committed?).await;
                return Ok(draft.directives().len());
            }
        }
    }
    Err(Slug(StatusCode::CONFLICT, "conflict"))
}

#[derive(Serialize)]
struct Published {
    published: usize,
}

/// `{"error":"…"}` with a status.
#[derive(Debug)]
struct Slug(StatusCode, &'static str);

impl Slug {
    fn of(problem: Problem) -> Self {
        Self(problem.status, problem.reason)
    }
}

#[derive(Serialize)]
struct Error {
    error: &'static str,
}

impl IntoResponse for Slug {
    fn into_response(self) -> Response {
        json(self.0, &Error { error: self.1 })
    }
}

impl From<Denied> for Slug {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NotEnabled => Self(StatusCode::NOT_FOUND, "not_enabled"),
            Denied::TlsRequired => Self(StatusCode::FORBIDDEN, "tls_required"),
            Denied::Unauthorized => Self(StatusCode::UNAUTHORIZED, "unauthorized"),
        }
    }
}

impl From<PublishError> for Slug {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Refused(error) => Self(StatusCode::BAD_REQUEST, error.reason().as_str()),
            PublishError::FleetWide(_) => Self(StatusCode::BAD_REQUEST, "fleet_wide"),
            PublishError::Expired(_) => Self(StatusCode::BAD_REQUEST, "expired"),
            PublishError::Kv(error) => error.into(),
        }
    }
}

impl From<KvError> for Slug {
    fn from(error: KvError) -> Self {
        Self::of(error.into())
    }
}

/// What is in force, as the reference shows it: no lifetimes, so that a tool may add a new `ttl_secs` and publish it.
fn introspect(shared: &Shared) -> Value {
    let (snapshot, now) = (shared.store.snapshot(), shared.store.now());
    let directives = snapshot.set.iter().map(|directive| shown(&directive, now)).collect();
    Value::Object(Map::from_iter([("directives".to_owned(), Value::Array(directives))]))
}

fn shown(directive: &Directive<'_>, now: UnixMillis) -> Value {
    let mut object = match serde_json::to_value(directive) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    };
    object.remove("expires_at");
    for (name, value) in [
        ("sample_per_mille", Value::from(directive.sampling.per_mille)),
        ("ring_buffer", Value::from(directive.ring_buffer)),
        ("capture", Value::from(directive.capture)),
        ("expired", Value::from(directive.expires_at <= now)),
    ] {
        object.insert(name.to_owned(), value);
    }
    Value::Object(object)
}
