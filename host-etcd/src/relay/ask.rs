//! What can be asked without changing anything: is this document valid, and what is decided about this request.

use std::fmt;
use std::sync::Arc;

use aldis_core::{DecodeError, DirectiveSet, EndpointKind, Request, UnixMillis, decode};
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::Shared;
use super::body::read;
use super::problem::{Problem, Refusal, json};
use crate::answer::{Checked, Decided, lines};
use crate::kv::Revision;
use crate::mirror::{Digest, Snapshot};
use crate::publish::warnings;
use crate::store::DEFAULT_SCOPE;

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
    /// What decides, in place of what is in force.
    #[serde(borrow)]
    document: Option<&'a RawValue>,
    /// What the relative lifetimes of that document count from; `now` if absent.
    anchor: Option<Time>,
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
    labels: Labels,
}

/// An object, or pairs where a name occurs twice; in their order, as the first of a name counts.
#[derive(Default)]
struct Labels(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Labels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings, or an array of pairs of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Labels, A::Error> {
        std::iter::from_fn(|| entries.next_entry().transpose()).collect::<Result<_, _>>().map(Labels)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Labels, A::Error> {
        std::iter::from_fn(|| pairs.next_element().transpose()).collect::<Result<_, _>>().map(Labels)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Time {
    Millis(u64),
    Text(String),
}

impl Time {
    fn read(&self, name: &str) -> Result<UnixMillis, Problem> {
        let time = match self {
            Self::Millis(millis) => Some(UnixMillis::new(*millis)),
            Self::Text(text) => UnixMillis::parse_rfc3339(text),
        };
        time.ok_or_else(|| {
            Problem::bad_request(format!("{name} is RFC 3339 with offset, or milliseconds since 1970"))
        })
    }
}

fn decided(question: &Bytes, now: UnixMillis, in_force: &Arc<Snapshot>) -> Result<Response, Problem> {
    let question: Question<'_> = serde_json::from_slice(question)
        .map_err(|error| Problem::bad_request(format!("not a question: {error}")))?;
    let now = question.now.as_ref().map_or(Ok(now), |time| time.read("now"))?;
    let anchor = question.anchor.as_ref().map_or(Ok(now), |time| time.read("anchor"))?;
    let snapshot = match question.document {
        Some(document) => match snapshot_of(document.get().as_bytes(), anchor) {
            Ok(snapshot) => snapshot,
            Err(error) => return Ok(json(StatusCode::UNPROCESSABLE_ENTITY, &Refusal { error })),
        },
        None => Arc::clone(in_force),
    };
    question.request.with(|request| {
        let decision = snapshot.set.evaluate(request, now);
        let explain = question.explain.then(|| lines(&snapshot, request, now));
        json(StatusCode::OK, &Decided::of(&snapshot, decision, question.document.is_none(), explain))
    })
}

impl Facts {
    fn with<T>(&self, ask: impl FnOnce(&Request<'_>) -> T) -> Result<T, Problem> {
        let labels: Vec<_> =
            self.labels.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let unknown =
            |name: &str| Problem::bad_request(format!("unknown endpoint `{}`", name.escape_debug()));
        let endpoint = |name: &String| EndpointKind::from_name(name).ok_or_else(|| unknown(name));
        Ok(ask(&Request {
            tenant: self.tenant.as_deref(),
            index: self.index.as_deref(),
            principal: self.principal.as_deref(),
            endpoint: self.endpoint.as_ref().map(endpoint).transpose()?,
            request_id: self.request_id.as_deref(),
            trace_id: self.trace_id.as_deref(),
            labels: &labels,
        }))
    }
}

/// The document as if it lay under the usual key.
fn snapshot_of(document: &[u8], anchor: UnixMillis) -> Result<Arc<Snapshot>, DecodeError> {
    let set = DirectiveSet::decode(document, anchor)?;
    let digest = Digest::of([(DEFAULT_SCOPE.as_bytes(), document)]);
    Ok(Arc::new(Snapshot { revision: Revision::ZERO, digest, set: Arc::new(set) }))
}
