//! One file of vectors: what stands in it, and where the files are.

use std::fs;
use std::path::{Path, PathBuf};

use aldis_core::{EndpointKind, UnixMillis};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::body::{Part, compact, joined};
use super::pairs::Pairs;

/// The point in time that a vector means if it names none.
const DEFAULT_ANCHOR: u64 = 1_800_000_000_000;

/// A document, and what must come of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// What it shows, in one sentence.
    pub about: String,
    /// What `ttl_secs` counts from, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    document: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parts: Option<Vec<Part>>,
    /// That it is refused, or
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
    /// what it decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decisions: Option<Vec<Decided>>,
}

/// Why a document is refused, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// The stable slug.
    pub reason: String,
    /// Such as `directives[3].tennant`.
    pub path: String,
    /// From one.
    pub line: u32,
    /// In characters, from one.
    pub column: u32,
    /// What might mend it; absent: nothing is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// A request, and what is decided on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    /// The facts.
    pub request: Request,
    /// In milliseconds since the epoch; absent: the anchor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<u64>,
    /// The decision.
    pub decision: Verdict,
    /// Every directive's part in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explain: Option<Pairs>,
}

/// The facts of one request; what is absent is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the fields are those of `aldis_core::Request`")]
pub struct Request {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub labels: Pairs,
}

/// A decision as every engine can tell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The name of the level.
    pub level: String,
    /// Keep it in the ring buffer.
    pub ring_buffer: bool,
    /// Send it to the capture sink.
    pub capture: bool,
    /// The id of the directive that decided; null: none.
    #[serde(deserialize_with = "Option::deserialize")]
    pub decided_by: Option<String>,
}

impl Request {
    /// Calls with the facts borrowed, as the core wants them.
    pub fn with_facts<T>(&self, ask: impl FnOnce(&aldis_core::Request<'_>) -> T) -> T {
        let labels: Vec<(&str, &str)> = self.labels.0.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let endpoint = self.endpoint.as_deref();
        ask(&aldis_core::Request {
            tenant: self.tenant.as_deref(),
            index: self.index.as_deref(),
            principal: self.principal.as_deref(),
            endpoint: endpoint.map(|name| EndpointKind::from_name(name).expect("is an endpoint")),
            request_id: self.request_id.as_deref(),
            trace_id: self.trace_id.as_deref(),
            labels: &labels,
        })
    }
}

impl Vector {
    /// The bytes of the document.
    pub fn body(&self) -> Vec<u8> {
        match (&self.document, &self.text, &self.parts) {
            (Some(json), None, None) => compact(json.get()).into_bytes(),
            (None, Some(text), None) => text.clone().into_bytes(),
            (None, None, Some(parts)) => joined(parts),
            _ => panic!("{}: give one of `document`, `text` and `parts`", self.about),
        }
    }

    /// What `ttl_secs` counts from.
    pub fn anchor(&self) -> UnixMillis {
        UnixMillis::new(self.anchor.unwrap_or(DEFAULT_ANCHOR))
    }
}

/// A vector with its name.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its path below `tests/vectors`.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// What stands in it.
    pub vector: Vector,
}

/// Reads one vector.
///
/// # Errors
///
/// If it is not one, or says of one document that it is both refused and decides.
pub fn parse(text: &str) -> Result<Vector, String> {
    let vector: Vector = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match (&vector.refused, &vector.decisions) {
        (Some(_), None) => Ok(vector),
        (None, Some(decisions)) if !decisions.is_empty() => Ok(vector),
        _ => Err("give either `refused` or `decisions`".to_string()),
    }
}

/// Every vector in the order of their names; the example in the description of the format is one of them.
pub fn all() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    files.into_iter().map(|path| read(&root, path)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("a folder can be listed").path();
        match path.is_dir() {
            true => collect(&path, files),
            false => files.push(path),
        }
    }
}

fn read(root: &Path, path: PathBuf) -> Case {
    let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let vector = match name.as_str() {
        "README.md" => parse(example(&text)),
        _ => parse(&text),
    };
    Case { vector: vector.unwrap_or_else(|error| panic!("{name}: {error}")), name, path }
}

/// The first block of JSON in the description of the format.
fn example(description: &str) -> &str {
    let block = description.split_once("```json\n").and_then(|(_, rest)| rest.split_once("```"));
    block.expect("README.md shows a vector").0
}
