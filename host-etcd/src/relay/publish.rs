//! Publishing over HTTP: for those who have a token, and by compare-and-swap.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use tokio::time::timeout;

use super::Shared;
use super::body::read;
use super::hub::View;
use super::parameters::Parameters;
use super::problem::{Problem, json};
use super::tags::{self, Demand};
use super::token::Tokens;
use crate::answer::{Published, Refused};
use crate::kv::{Key, Revision, Scope};
use crate::mirror::Digest;
use crate::publish::{Draft, FleetWide, Lifetimes, Plan, PublishError, Writable, commit, document_key, plan};

/// How long an answer is held back until the relay itself has what was published. It nearly always takes milliseconds.
const UNTIL_SEEN: Duration = Duration::from_secs(2);

/// Where documents are published, and who may do it.
pub struct Publishing {
    kv: Arc<dyn Writable>,
    scope: Scope,
    tokens: Tokens,
}

impl Publishing {
    /// Publishes to `kv`, which must be what the relay's store follows, under the keys of `scope`, for whoever shows one of
    /// the tokens.
    pub fn new(kv: Arc<dyn Writable>, scope: Scope, tokens: Tokens) -> Self {
        Self { kv, scope, tokens }
    }

    /// The key of the document of this name.
    pub(super) fn key(&self, name: Option<&str>) -> Result<Key, Problem> {
        document_key(&self.scope, name).map_err(|error| Problem::bad_request(error.to_string()))
    }

    pub(super) fn kv(&self) -> &dyn Writable {
        &*self.kv
    }

    /// The set that the client names is in force, and so the document that is replaced must be in it: one that was
    /// published later is either on its way here or refused, and the client has not seen it. If there is none, none must
    /// be in it: a deletion may be on its way, too.
    async fn hold_to(&self, view: &View, key: &Key, plan: &Plan, is_refused: bool) -> Result<(), Problem> {
        if is_refused || plan.replaces > view.snapshot.revision {
            return Err(conflict(
                "the key holds a newer document than the set in force; if that one is refused, publish without If-Match",
            ));
        }
        if plan.replaces > Revision::ZERO {
            return Ok(());
        }
        let there = match &self.scope {
            Scope::Key(_) => Vec::new(),
            Scope::Prefix(prefix) => self.kv.scan(prefix).await?.entries,
        };
        let documents = there.iter().filter(|entry| entry.key != *key);
        let documents = documents.map(|entry| (entry.key.as_bytes(), &*entry.value));
        match Digest::of(documents) == view.snapshot.digest {
            true => Ok(()),
            false => Err(conflict(
                "the key holds no document, and the set in force is not what the others are; if one is refused, publish without If-Match",
            )),
        }
    }
}

impl fmt::Debug for Publishing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publishing").field("tokens", &self.tokens).finish_non_exhaustive()
    }
}

/// Who sends a request, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) is_encrypted: bool,
}

impl Peer {
    /// Whether a token that this peer sends stays between it and us.
    const fn is_private(self) -> bool {
        self.is_encrypted || self.address.ip().to_canonical().is_loopback()
    }
}

/// Why somebody may not publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    NotEnabled,
    TlsRequired,
    Unauthorized,
}

/// What this peer may publish to. A token that came in plain text is not even looked at.
pub(super) fn admit<'s>(
    shared: &'s Shared,
    peer: Peer,
    headers: &HeaderMap,
) -> Result<&'s Publishing, Denied> {
    let publishing = shared.publishing.as_ref().ok_or(Denied::NotEnabled)?;
    if !peer.is_private() {
        return Err(Denied::TlsRequired);
    }
    match publishing.tokens.admit(headers) {
        Ok(true) => Ok(publishing),
        Ok(false) => Err(Denied::Unauthorized),
        Err(error) => {
            tracing::error!(%error, "the tokens cannot be read; nobody may publish");
            Err(Denied::Unauthorized)
        }
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NotEnabled => Self::new(
                StatusCode::FORBIDDEN,
                "not_enabled",
                "this relay does not publish; it has no token file",
            ),
            Denied::TlsRequired => Self::new(
                StatusCode::FORBIDDEN,
                "tls_required",
                "a token must not travel in plain text; use https",
            ),
            Denied::Unauthorized => {
                Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "no token that may publish")
            }
        }
    }
}

/// As the options of `aldis publish`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Options {
    name: Option<String>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    compat: bool,
    #[serde(default)]
    fleet_wide: bool,
}

/// `PUT /v1/directives`
pub(super) async fn put(
    State(shared): State<Arc<Shared>>,
    Extension(peer): Extension<Peer>,
    Parameters(options): Parameters<Options>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let publishing = admit(&shared, peer, &headers)?;
    let view = shared.hub.view();
    let demand = tags::demand(&headers, &view.etag);
    if demand == Demand::Match(false) {
        return Err(conflict("another set is in force than If-Match names; read it, and try again"));
    }
    let key = publishing.key(options.name.as_deref())?;
    let held = read(&shared.drafts, &shared.limits, body).await?;
    let draft =
        match Draft::new(&held.bytes, shared.store.clock().wall(), options.lifetimes(), options.reach()) {
            Err(PublishError::Refused(error)) => {
                return Ok(json(StatusCode::UNPROCESSABLE_ENTITY, &Refused::new(error)));
            }
            draft => draft?,
        };
    let absent = (demand == Demand::Absent).then_some(Revision::ZERO);
    let (_, plan) = plan(publishing.kv(), &key, &draft, absent).await?;
    if demand == Demand::Match(true) {
        let is_refused = shared.store.status().refused.contains_key(&key);
        publishing.hold_to(&view, &key, &plan, is_refused).await?;
    }
    let revision = match options.dry_run {
        true => None,
        false => Some(commit(publishing.kv(), &key, draft.body(), plan.replaces).await?),
    };
    let warnings = draft.warnings();
    let mut response = json(StatusCode::OK, &Published::new(&draft, &plan, &warnings, &key, revision));
    if let Some(revision) = revision {
        tracing::info!(%revision, "published over HTTP");
        if let Some(view) = shared.seen(revision).await {
            response.headers_mut().insert(header::ETAG, view.etag.clone());
        }
    }
    Ok(response)
}

impl Options {
    const fn lifetimes(&self) -> Lifetimes {
        if self.compat { Lifetimes::AsWritten } else { Lifetimes::Absolute }
    }

    const fn reach(&self) -> FleetWide {
        if self.fleet_wide { FleetWide::Meant } else { FleetWide::Refused }
    }
}

fn conflict(message: &str) -> Problem {
    Problem::new(StatusCode::PRECONDITION_FAILED, "conflict", message)
}

impl Shared {
    /// What is in force once the relay has this revision; `None` if that takes too long.
    pub(super) async fn seen(&self, revision: Revision) -> Option<Arc<View>> {
        let mut views = self.hub.views();
        let has_it = |view: &Arc<View>| view.snapshot.revision >= revision || view.is_ending;
        timeout(UNTIL_SEEN, views.wait_for(has_it)).await.ok()?.ok().map(|view| Arc::clone(&view))
    }
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        let unprocessable = |reason, message| Self::new(StatusCode::UNPROCESSABLE_ENTITY, reason, message);
        match error {
            PublishError::Kv(error) => error.into(),
            PublishError::Refused(error) => unprocessable(error.reason().as_str(), error.to_string()),
            PublishError::FleetWide(ids) => unprocessable(
                "fleet_wide",
                format!(
                    "no target, so every request of the fleet: {}; add one, or say fleet_wide=true",
                    ids.join(", ")
                ),
            ),
            PublishError::Expired(_) => unprocessable("expired", error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_over_tls_and_from_loopback_and_from_nobody_else() {
        for (address, is_encrypted, may) in [
            ("127.0.0.1:1", false, true),
            ("127.8.8.8:1", false, true),
            ("[::1]:1", false, true),
            ("[::ffff:127.0.0.1]:1", false, true),
            ("192.0.2.1:1", false, false),
            ("[2001:db8::1]:1", false, false),
            ("[::ffff:192.0.2.1]:1", false, false),
            ("0.0.0.0:1", false, false),
            ("192.0.2.1:1", true, true),
        ] {
            let peer = Peer { address: address.parse().expect("an address"), is_encrypted };
            assert_eq!(peer.is_private(), may, "{peer:?}");
        }
    }
}
