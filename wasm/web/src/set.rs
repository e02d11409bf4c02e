//! A set that is decoded once and asked many times.

use aldis_answer::{Decided, Digest, Facts, lines};
use aldis_core::{self as core, UnixMillis};
use js_sys::Uint8Array;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::document::Document;
use crate::no::No;
use crate::options::{self, Options};
use crate::place::{self, Range};
use crate::shown::Shown;
use crate::value::{self, json};

/// All directives of one document, or of one image. Holds memory of WebAssembly until it is freed, which the garbage
/// collector sees to sooner or later.
#[wasm_bindgen]
pub struct DirectiveSet {
    set: core::DirectiveSet,
    digest: Option<Digest>,
    places: Vec<Range>,
}

impl DirectiveSet {
    pub(crate) fn compile(document: &Document, options: &Options) -> Result<Self, No> {
        let body = document.bytes();
        let set =
            core::DirectiveSet::decode(body, options.anchor).map_err(|error| No::refused(error, body))?;
        let digest = Digest::of([(options.key.as_bytes(), body)]);
        Ok(Self { set, digest: Some(digest), places: place::directives(body) })
    }

    pub(crate) fn decided(&self, request: &JsValue, now: UnixMillis, explain: bool) -> JsValue {
        value::answer(self.decide(request, now, explain))
    }

    fn decide(&self, request: &JsValue, now: UnixMillis, explain: bool) -> Result<Decided, No> {
        let facts: Facts = value::read(request, "request")?;
        let decided = facts.with(|request| {
            let decision = self.set.evaluate(request, now);
            let explained = explain.then(|| lines(&self.set, request, now));
            Decided::of(&self.set, decision, self.digest, None, explained)
        });
        decided.map_err(|unknown| No::bad_request(unknown.to_string()))
    }

    fn at(&self, request: &JsValue, now: &JsValue, explain: bool) -> JsValue {
        match options::now(now) {
            Ok(now) => self.decided(request, now, explain),
            Err(no) => json(&no),
        }
    }
}

#[wasm_bindgen]
impl DirectiveSet {
    /// The set of an image that another engine compiled.
    #[wasm_bindgen(js_name = fromImage, unchecked_return_type = "DirectiveSet | No")]
    #[must_use]
    pub fn from_image(image: &Uint8Array) -> JsValue {
        match core::DirectiveSet::from_image(image.to_vec()) {
            Ok(set) => Self { set, digest: None, places: Vec::new() }.into(),
            Err(error) => json(&No::from(error)),
        }
    }

    /// The image, which every engine takes.
    #[must_use]
    pub fn image(&self) -> Uint8Array {
        self.set.as_image().into()
    }

    /// What operators compare; none for an image.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn digest(&self) -> Option<String> {
        self.digest.map(|digest| digest.to_string())
    }

    /// How many directives.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn length(&self) -> usize {
        self.set.len()
    }

    /// The decision on one request.
    #[wasm_bindgen(unchecked_return_type = "Decided | No")]
    #[must_use]
    pub fn evaluate(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Request")] request: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "Time")] now: &JsValue,
    ) -> JsValue {
        self.at(request, now, false)
    }

    /// The same, with why or why not of each directive.
    #[wasm_bindgen(unchecked_return_type = "Explained | No")]
    #[must_use]
    pub fn explain(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Request")] request: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "Time")] now: &JsValue,
    ) -> JsValue {
        self.at(request, now, true)
    }

    /// What the directives take in, in words, from the one at `from` on and `count` of them.
    #[wasm_bindgen(unchecked_return_type = "Shown[] | No")]
    #[must_use]
    pub fn describe(
        &self,
        from: usize,
        count: usize,
        #[wasm_bindgen(unchecked_optional_param_type = "Time")] now: &JsValue,
    ) -> JsValue {
        let now = match options::now(now) {
            Ok(now) => now,
            Err(no) => return json(&no),
        };
        let place = |index: usize| self.places.get(index).copied();
        let shown = self.set.iter().enumerate().skip(from).take(count);
        let all: Vec<Shown> =
            shown.map(|(index, directive)| Shown::of(&directive, place(index), now)).collect();
        json(&all)
    }

    /// The document that the directives make, with every lifetime as an absolute end.
    #[must_use]
    pub fn document(&self) -> String {
        let lines: Vec<String> =
            self.set.iter().map(|directive| serde_json::to_string(&directive).unwrap_or_default()).collect();
        match lines.is_empty() {
            true => "{\"directives\":[]}\n".to_owned(),
            false => format!("{{\"directives\":[\n{}\n]}}\n", lines.join(",\n")),
        }
    }
}
