//! `aldis eval`: decide one request.

use std::sync::Arc;
use std::time::Duration;

use aldis_answer::Decided;
use aldis_core::{DecodeError, DirectiveSet, Request, UnixMillis};
use serde::Serialize;

use crate::answer::decided;
use crate::clock::Moment;
use crate::kv::{Bytes, Listing, Revision};
use crate::mirror::{Digest, Mirror, RefusalCause, Snapshot};
use crate::source::Source;

use super::args::{EngineKind, EvalArgs, Global};
use super::backend::{Backend, listing, source};
use super::console::{FAINT, GOOD};
use super::engine::Engine;
use super::failure::{Answer, Failure};
use super::store::Followed;
use super::{Console, check, complaint, input};

/// Decides with a document, or with what the source holds.
pub(super) async fn run(global: &Global, args: &EvalArgs, console: &mut Console) -> Result<Answer, Failure> {
    let now = args.now.map_or_else(input::now, Ok)?;
    let (snapshot, has_revision) = match snapshot(global, args, now).await? {
        Ok(snapshot) => snapshot,
        Err(refusal) => {
            let file = args.file.as_deref().map(input::name);
            return refusal.report(file.as_deref(), console).map(|()| Answer::No);
        }
    };
    let labels: Vec<_> = args.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let request = Request {
        tenant: args.tenant.as_deref(),
        index: args.index.as_deref(),
        principal: args.principal.as_deref(),
        endpoint: args.endpoint,
        request_id: args.request_id.as_deref(),
        trace_id: args.trace_id.as_deref(),
        labels: &labels,
    };
    let mut engine = Engine::load(args.engine, &snapshot)?;
    let decision = engine.evaluate(&request, now)?;
    let lines = if args.explain { Some(engine.explain(&request, now)?) } else { None };
    let decided = decided(&snapshot, decision, has_revision, lines);
    match console.is_json() {
        true => console.json(&decided)?,
        false => print(&decided, args.engine, console)?,
    }
    Ok(Answer::Yes)
}

/// What decides, and whether its revision means anything.
async fn snapshot(
    global: &Global,
    args: &EvalArgs,
    now: UnixMillis,
) -> Result<Result<(Arc<Snapshot>, bool), Refused>, Failure> {
    let (listing, has_revision) = match &args.file {
        Some(path) => (listing(input::read(path)?), false),
        None if global.source.is_none() => {
            return Err(Failure::trouble("nothing to decide with; name a file, or a source with --source"));
        }
        None => match source(global)? {
            // It serves the set itself, with the lifetimes that it has seen begin.
            relay @ Source::Relay(_) => {
                let Followed { store, .. } = Followed::open(&relay, &global.etcd, |builder| builder).await?;
                return Ok(Ok((store.snapshot(), true)));
            }
            source => {
                let backend = Backend::open(&source, &global.etcd).await?;
                (backend.list().await?, backend.has_revisions())
            }
        },
    };
    Ok(read(listing, args.anchor.unwrap_or(now)).map(|snapshot| (snapshot, has_revision)))
}

/// The whole scope as an instance would hold it that starts now.
fn read(listing: Listing, anchor: UnixMillis) -> Result<Arc<Snapshot>, Refused> {
    let bodies: Vec<_> =
        listing.entries.iter().map(|entry| (entry.key.to_string(), entry.value.clone())).collect();
    let mut mirror = Mirror::new();
    let outcome = mirror.replace(listing, Moment { at: anchor, lead: Duration::ZERO });
    match outcome.refused.into_iter().next() {
        Some((key, refusal)) => {
            let key = key.to_string();
            let body =
                bodies.into_iter().find_map(|(at, body)| (at == key).then_some(body)).unwrap_or_default();
            Err(Refused { key, body, cause: refusal.cause })
        }
        None => Ok(outcome.snapshot.unwrap_or_else(|| Arc::new(nothing()))),
    }
}

/// What is in force where nothing is.
fn nothing() -> Snapshot {
    let set = Arc::new(DirectiveSet::empty());
    Snapshot::new(Revision::ZERO, Digest::of([]), set)
}

/// A document that an instance would not put in force. Which one it would keep instead, only the instances know.
struct Refused {
    key: String,
    body: Bytes,
    cause: RefusalCause,
}

impl Refused {
    fn report(&self, file: Option<&str>, console: &mut Console) -> Result<(), Failure> {
        match (&self.cause, console.is_json()) {
            (RefusalCause::Document(error), true) => console.json(&Json { error }),
            (RefusalCause::Document(error), false) => {
                console.line(complaint::render(file.unwrap_or(&self.key), &self.body, error))
            }
            (RefusalCause::Together(error), _) => Err(Failure::No {
                reason: "too_large",
                message: format!("the documents are refused together: {error}"),
            }),
        }
    }
}

#[derive(Serialize)]
struct Json<'a> {
    error: &'a DecodeError,
}

fn print(decided: &Decided, engine: EngineKind, console: &mut Console) -> Result<(), Failure> {
    let decided_by = match &decided.decided_by {
        Some(id) => format!("decided by `{}`", id.escape_debug()),
        None => "no directive decides".to_owned(),
    };
    console.line(format!("{}: {decided_by}", Console::styled(GOOD, decided.level)))?;
    console.line(format!("ring_buffer {}, capture {}", decided.ring_buffer, decided.capture))?;
    let revision = decided.revision.map(|revision| format!("revision {revision}, ")).unwrap_or_default();
    let origin = format!(
        "{revision}digest {}, engine {}",
        decided.digest.as_deref().unwrap_or_default(),
        engine.as_str()
    );
    console.line(Console::styled(FAINT, origin))?;
    let lines = decided.explain.as_deref().unwrap_or_default();
    if decided.explain.is_some() {
        console.line(format!("{}:", check::directives(lines.len())))?;
    }
    lines.iter().try_for_each(|line| console.line(format!("  {line}")))
}
