//! Every vector on the guest in wasmtime: decoded in the guest, and pushed to it as an image.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that fails says where")]

use aldis_abi::Stamp;
use aldis_core::{DirectiveSet, UnixMillis};
use aldis_etcd::sink::guest::{GuestEngine, GuestError, GuestInstance, GuestLimits};
use rig::vectors::{Engine, Explained, Native, Refusal, Request, Verdict, all, differences};
use serde::Deserialize;

/// The guest, fed documents or images.
struct Guest {
    name: &'static str,
    guest: GuestInstance,
    /// Decodes for the guest, if that is fed images.
    by_image: bool,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    applies: bool,
    #[serde(default)]
    why: String,
}

#[test]
fn every_vector_holds_on_the_guest() {
    let engine = GuestEngine::embedded(GuestLimits::STANDARD).expect("the embedded guest is one");
    let cases = all();
    assert!(!cases.is_empty(), "no vectors, nothing shown");
    for (name, by_image) in [("guest", false), ("guest by image", true)] {
        let mut guest = Guest { name, guest: engine.instantiate().expect("starts"), by_image };
        let differences = differences(&mut guest, &cases);
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }
}

impl Engine for Guest {
    fn name(&self) -> &str {
        self.name
    }

    fn load(&mut self, document: &[u8], anchor: UnixMillis) -> Result<(), Refusal> {
        if self.by_image {
            Native::new().load(document, anchor)?;
            let set = DirectiveSet::decode(document, anchor).expect("was decoded a line above");
            self.guest.load_image(set.as_image(), Stamp::NONE).expect("an image is an image");
            return Ok(());
        }
        match self.guest.load_document(document, anchor, Stamp::NONE) {
            Ok(_) => Ok(()),
            Err(GuestError::Refused { why, .. }) => Err(refusal(&why)),
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
        let line = |line| {
            let Line { id, applies, why } = serde_json::from_str(line).expect("is a line");
            (id, if applies { "applies".to_string() } else { why })
        };
        Some(lines.lines().map(line).collect())
    }
}

fn refusal(json: &str) -> Refusal {
    #[derive(Deserialize)]
    struct Error {
        reason: String,
        path: String,
        line: u32,
        column: u32,
        help: Option<String>,
    }
    let Error { reason, path, line, column, help } = serde_json::from_str(json).expect("is an error");
    Refusal { reason, path, line, column, help }
}
