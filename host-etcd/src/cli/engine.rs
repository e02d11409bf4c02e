//! What decides: the core in this program, or the guest in wasmtime.

use std::fmt;
use std::sync::Arc;

use aldis_abi::Stamp;
use aldis_answer::Line;
use aldis_core::{Decision, Request, UnixMillis};

use crate::answer::lines;
use crate::mirror::Snapshot;
use crate::sink::guest::{GuestEngine, GuestInstance, GuestLimits};

use super::args::EngineKind;
use super::failure::Failure;

/// A snapshot, loaded and ready to decide.
pub(super) enum Engine {
    Native(Arc<Snapshot>),
    Wasm(Box<GuestInstance>),
}

impl EngineKind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Wasm => "wasm",
        }
    }
}

impl Engine {
    /// Loads the snapshot into an engine.
    pub(super) fn load(kind: EngineKind, snapshot: &Arc<Snapshot>) -> Result<Self, Failure> {
        match kind {
            EngineKind::Native => Ok(Self::Native(Arc::clone(snapshot))),
            EngineKind::Wasm => wasm(snapshot),
        }
    }

    pub(super) fn evaluate(&mut self, request: &Request<'_>, now: UnixMillis) -> Result<Decision, Failure> {
        match self {
            Self::Native(snapshot) => Ok(snapshot.set.evaluate(request, now)),
            Self::Wasm(guest) => guest.evaluate(request, now).map_err(guest_failed),
        }
    }

    /// A line for each directive, in document order.
    pub(super) fn explain(&mut self, request: &Request<'_>, now: UnixMillis) -> Result<Vec<Line>, Failure> {
        match self {
            Self::Native(snapshot) => Ok(lines(snapshot, request, now)),
            Self::Wasm(guest) => {
                let lines = guest.explain(request, now).map_err(guest_failed)?;
                let lines = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>();
                lines.map_err(|error| {
                    Failure::trouble(format!("the guest explains in a way unknown here: {error}"))
                })
            }
        }
    }
}

fn wasm(snapshot: &Arc<Snapshot>) -> Result<Engine, Failure> {
    let engine = GuestEngine::embedded(GuestLimits::STANDARD);
    let engine = engine.map_err(|error| Failure::trouble(format!("the guest does not compile: {error}")))?;
    let mut guest = engine.instantiate().map_err(guest_failed)?;
    let stamp = Stamp { revision: snapshot.revision.as_u64(), digest: *snapshot.digest.as_bytes() };
    guest.load_image(snapshot.set.as_image(), stamp).map_err(guest_failed)?;
    Ok(Engine::Wasm(Box::new(guest)))
}

fn guest_failed(error: impl fmt::Display) -> Failure {
    Failure::trouble(format!("the guest failed: {error}"))
}
