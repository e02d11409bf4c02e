//! An engine that answers calls in JSON, wherever it runs.

use aldis_core::UnixMillis;
use rig::vectors::{Engine, Explained, Refusal, Request, Verdict};
use serde_json::{Value, json};

/// Where the package runs.
pub(crate) trait Runtime {
    /// What it is called in differences.
    fn name(&self) -> &str;
    /// Puts the document where `load` finds it.
    fn hand_over(&mut self, document: &[u8]) -> Value;
    /// One call, and what came of it.
    fn call(&mut self, call: Value) -> Value;
}

/// The package, in this runtime.
pub(crate) struct Asked<R>(pub(crate) R);

impl<R: Runtime> Asked<R> {
    fn explained(&mut self, request: &Request, now: UnixMillis) -> Value {
        let mut facts = serde_json::to_value(request).expect("is JSON");
        // As pairs, as a name may occur twice.
        facts["labels"] = json!(request.labels.0);
        let answer = self.0.call(json!({"call": "explain", "request": facts, "now": now.as_u64()}));
        assert!(answer["ok"].is_object(), "{answer}");
        answer["ok"].clone()
    }
}

impl<R: Runtime> Engine for Asked<R> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn load(&mut self, document: &[u8], anchor: UnixMillis) -> Result<(), Refusal> {
        let mut call = self.0.hand_over(document);
        call["call"] = json!("load");
        call["anchor"] = json!(anchor.as_u64());
        let answer = self.0.call(call);
        if answer["ok"].is_number() {
            return Ok(());
        }
        let error = &answer["refused"];
        let text = |name: &str| error[name].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        let number = |name: &str| error[name].as_u64().and_then(|number| u32::try_from(number).ok());
        place_is_right(document, error);
        Err(Refusal {
            reason: text("reason"),
            path: text("path"),
            line: number("line").expect("a line"),
            column: number("column").expect("a column"),
            help: error["help"].as_str().map(str::to_owned),
        })
    }

    fn decide(&mut self, request: &Request, now: UnixMillis) -> Verdict {
        let mut decided = self.explained(request, now);
        let object = decided.as_object_mut().expect("is an object");
        object.retain(|name, _| matches!(name.as_str(), "level" | "ring_buffer" | "capture" | "decided_by"));
        serde_json::from_value(decided).expect("is a verdict")
    }

    fn explain(&mut self, request: &Request, now: UnixMillis) -> Option<Explained> {
        let explained = self.explained(request, now);
        let lines = explained["explain"].as_array().expect("was asked for");
        let text = |value: &Value| value.as_str().expect("is text").to_owned();
        let why =
            |line: &Value| if line["applies"] == true { "applies".to_owned() } else { text(&line["why"]) };
        Some(lines.iter().map(|line| (text(&line["id"]), why(line))).collect())
    }
}

/// The range begins where line and column say, counted over the text as JavaScript reads the bytes.
fn place_is_right(document: &[u8], error: &Value) {
    let text = String::from_utf8_lossy(document);
    let from = error["range"]["from"].as_u64().expect("a number");
    let to = error["range"]["to"].as_u64().expect("a number");
    let (mut units, mut line, mut column) = (0, 1, 1);
    let mut characters = text.chars();
    while units < from {
        let Some(character) = characters.next() else { break };
        units += character.len_utf16() as u64;
        (line, column) = if character == '\n' { (line + 1, 1) } else { (line, column + 1) };
    }
    // What is not looked into is refused as a whole.
    let is_whole = document.len() > aldis_core::limits::MAX_BODY_BYTES;
    assert!(is_whole || units == from && to >= from, "{error}");
    assert_eq!((error["line"].as_u64(), error["column"].as_u64()), (Some(line), Some(column)), "{error}");
}
