//! The guest in wasmtime, by the host that `aldis-etcd` embeds.

use aldis_abi::Stamp;
use aldis_core::UnixMillis;
use aldis_etcd::sink::guest::{GuestEngine, GuestError, GuestInstance, GuestLimits, embedded_module};
use rig::vectors::{Engine, Explained, Refusal, Request, Verdict};

use crate::precompiled::{load, precompile};
use crate::{Fed, Line, Why, cases, image, must_agree};

const LIMITS: GuestLimits = GuestLimits::STANDARD;

#[test]
fn every_vector_holds_in_wasmtime() {
    let compiled = GuestEngine::embedded(LIMITS).expect("the embedded guest is one");
    let serialized = load(&compiled.serialize().expect("is compiled"), LIMITS).expect("is what was compiled");
    let precompiled = load(&precompile(embedded_module()), LIMITS).expect("fits any processor of its target");
    let cases = cases();
    for (name, engine, fed) in [
        ("wasmtime", &compiled, Fed::Documents),
        ("wasmtime, by image", &compiled, Fed::Images),
        ("wasmtime, serialized", &serialized, Fed::Documents),
        ("wasmtime, serialized, by image", &serialized, Fed::Images),
        ("wasmtime, precompiled", &precompiled, Fed::Documents),
        ("wasmtime, precompiled, by image", &precompiled, Fed::Images),
    ] {
        let guest = engine.instantiate().expect("starts");
        must_agree(&mut Guest { name, guest, fed }, &cases);
    }
}

struct Guest {
    name: &'static str,
    guest: GuestInstance,
    fed: Fed,
}

impl Engine for Guest {
    fn name(&self) -> &str {
        self.name
    }

    fn load(&mut self, document: &[u8], anchor: UnixMillis) -> Result<(), Refusal> {
        let loaded = match self.fed {
            Fed::Documents => self.guest.load_document(document, anchor, Stamp::NONE),
            Fed::Images => self.guest.load_image(&image(document, anchor)?, Stamp::NONE),
        };
        match loaded {
            Ok(_) => Ok(()),
            Err(GuestError::Refused { why, .. }) => {
                Err(serde_json::from_str::<Why>(&why).expect("is an error").into())
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn decide(&mut self, request: &Request, now: UnixMillis) -> Verdict {
        let decision = request.with_facts(|request| self.guest.evaluate(request, now)).expect("decides");
        Verdict {
            level: decision.level.to_string(),
            ring_buffer: decision.ring_buffer,
            capture: decision.capture,
            decided_by: decision
                .decided_by
                .map(|index| self.guest.directive_id(index).expect("is in the set")),
        }
    }

    fn explain(&mut self, request: &Request, now: UnixMillis) -> Option<Explained> {
        let lines = request.with_facts(|request| self.guest.explain(request, now)).expect("explains");
        let line = |line| serde_json::from_str::<Line>(line).expect("is a line").into_pair();
        Some(lines.lines().map(line).collect())
    }
}
