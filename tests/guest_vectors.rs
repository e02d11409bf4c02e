//! Every vector on the guest, in each engine and language that hosts it: wasmtime in Rust, the V8 of Node in JavaScript,
//! and wasmtime in Python. Each decodes in the guest, and takes what was compiled outside as an image.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that fails says where")]

#[path = "guest_vectors/host.rs"]
mod host;
#[path = "guest_vectors/node.rs"]
mod node;
#[path = "guest_vectors/piped.rs"]
mod piped;
#[path = "guest/precompiled.rs"]
mod precompiled;
#[path = "guest_vectors/promises.rs"]
mod promises;
#[path = "guest_vectors/python.rs"]
mod python;
#[path = "guest/small.rs"]
mod small;
#[path = "guest_vectors/wasmtime.rs"]
mod wasmtime;
#[path = "guest/wat.rs"]
mod wat;

use aldis_core::{DirectiveSet, UnixMillis};
use rig::vectors::{Case, Engine, Native, Refusal, all, differences};
use serde::Deserialize;

/// How a guest gets a set.
#[derive(Clone, Copy)]
enum Fed {
    /// It decodes the document itself.
    Documents,
    /// The document is decoded and compiled for it.
    Images,
}

/// A line of an explanation, as the guest writes it.
#[derive(Debug, Deserialize)]
struct Line {
    id: String,
    applies: bool,
    #[serde(default)]
    why: String,
}

/// What the guest says of a document that it refuses.
#[derive(Debug, Deserialize)]
struct Why {
    reason: String,
    path: String,
    line: u32,
    column: u32,
    help: Option<String>,
}

impl Line {
    fn into_pair(self) -> (String, String) {
        (self.id, if self.applies { "applies".to_string() } else { self.why })
    }
}

impl From<Why> for Refusal {
    fn from(why: Why) -> Self {
        let Why { reason, path, line, column, help } = why;
        Self { reason, path, line, column, help }
    }
}

fn cases() -> Vec<Case> {
    let cases = all();
    assert!(!cases.is_empty(), "no vectors, nothing shown");
    cases
}

fn must_agree(engine: &mut dyn Engine, cases: &[Case]) {
    let differences = differences(engine, cases);
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

/// The image of a document, for a guest that is fed images.
fn image(document: &[u8], anchor: UnixMillis) -> Result<Vec<u8>, Refusal> {
    Native::new().load(document, anchor)?;
    let set = DirectiveSet::decode(document, anchor).expect("was decoded a line above");
    Ok(set.as_image().to_vec())
}
