//! The core as it is linked into a Rust proxy: as it was decoded, and as it comes out of an image.

use aldis_core::{Decision, DirectiveSet, Outcome, UnixMillis};

use super::case::{Refusal, Request, Verdict};
use super::engine::{Engine, Explained};

/// The core, fed documents.
#[derive(Debug)]
pub struct Native {
    set: DirectiveSet,
}

impl Native {
    /// With nothing loaded.
    #[allow(clippy::new_without_default, reason = "an engine is made in tests, in one way")]
    pub fn new() -> Self {
        Self { set: DirectiveSet::empty() }
    }
}

impl Engine for Native {
    fn name(&self) -> &str {
        "native"
    }

    fn load(&mut self, document: &[u8], anchor: UnixMillis) -> Result<(), Refusal> {
        self.set = DirectiveSet::decode(document, anchor).map_err(|error| Refusal {
            reason: error.reason().to_string(),
            path: error.path().to_string(),
            line: error.line(),
            column: error.column(),
            help: error.help().map(str::to_string),
        })?;
        Ok(())
    }

    fn decide(&mut self, request: &Request, now: UnixMillis) -> Verdict {
        let decision = request.with_facts(|request| self.set.evaluate(request, now));
        verdict(&self.set, decision)
    }

    fn explain(&mut self, request: &Request, now: UnixMillis) -> Option<Explained> {
        Some(request.with_facts(|request| explained(&self.set, request, now)))
    }
}

/// The core, fed the image of what [`Native`] decodes, as a guest or a disk copy is.
#[derive(Debug)]
pub struct Image(Native);

impl Image {
    /// With nothing loaded.
    #[allow(clippy::new_without_default, reason = "an engine is made in tests, in one way")]
    pub fn new() -> Self {
        Self(Native::new())
    }
}

impl Engine for Image {
    fn name(&self) -> &str {
        "image"
    }

    fn load(&mut self, document: &[u8], anchor: UnixMillis) -> Result<(), Refusal> {
        self.0.load(document, anchor)?;
        self.0.set = DirectiveSet::from_image(self.0.set.as_image()).expect("an image is an image");
        Ok(())
    }

    fn decide(&mut self, request: &Request, now: UnixMillis) -> Verdict {
        self.0.decide(request, now)
    }

    fn explain(&mut self, request: &Request, now: UnixMillis) -> Option<Explained> {
        self.0.explain(request, now)
    }
}

fn verdict(set: &DirectiveSet, decision: Decision) -> Verdict {
    Verdict {
        level: decision.level.to_string(),
        ring_buffer: decision.ring_buffer,
        capture: decision.capture,
        decided_by: decision.decided_by.map(|index| set.id(index).expect("is in the set").to_string()),
    }
}

fn explained(set: &DirectiveSet, request: &aldis_core::Request<'_>, now: UnixMillis) -> Explained {
    set.explain(request, now)
        .map(|explanation| {
            let outcome = match explanation.outcome {
                Outcome::Applies => "applies".to_string(),
                Outcome::Not(why_not) => why_not.to_string(),
            };
            (explanation.id.to_string(), outcome)
        })
        .collect()
}
