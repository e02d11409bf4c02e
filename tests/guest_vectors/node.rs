//! The guest in Node's V8, by the host of `examples/node-host`, which knows no more than `wasm/ABI.md`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use aldis_core::UnixMillis;
use aldis_etcd::sink::guest::embedded_module;
use rig::vectors::{Engine, Explained, Refusal, Request, Verdict, differences};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Fed, Line, Why, cases, image, must_agree};

#[test]
fn every_vector_holds_in_the_v8_of_node() {
    let cases = cases();
    let host = fs::read_to_string(example("aldis.mjs")).expect("is there");
    for (name, fed) in [("node", Fed::Documents), ("node, by image", Fed::Images)] {
        must_agree(&mut Node::start(name, &host, fed), &cases);
    }
}

/// Nothing on that page can be misread without a vector that notices.
#[test]
fn a_host_that_misreads_the_page_is_found_out() {
    let host = fs::read_to_string(example("aldis.mjs")).expect("is there");
    let mut cases = cases();
    cases.retain(|case| case.vector.body().len() < 10_000);
    for (right, wrong) in MISREADINGS {
        let misread = host.replace(right, wrong);
        assert_ne!(misread, host, "{right} is there");
        let found = differences(&mut Node::start("a liar", &misread, Fed::Documents), &cases);
        assert!(!found.is_empty(), "{wrong} passes for {right}");
    }
}

const MISREADINGS: [(&str, &str); 11] = [
    (r#"["request_id", 8], ["trace_id", 16]"#, r#"["trace_id", 8], ["request_id", 16]"#),
    (r#""Shape", "ShapeTiming""#, r#""ShapeTiming", "Shape""#),
    ("ring_buffer: !!(high & 0x100)", "ring_buffer: !!(high & 0x200)"),
    ("capture: !!(high & 0x200)", "capture: !!(high & 0x100)"),
    ("place === NO_DIRECTIVE ? null", "place === 0 ? null"),
    ("facts[name] == null ? bits", "!facts[name] ? bits"),
    ("kind]);", "0]);"),
    ("number >> 8]", "0]"),
    ("...[...labels].flat()", ""),
    ("(length, BigInt(anchor))", "(length, 0n)"),
    ("(length, BigInt(now), lines", "(length, 0n, lines"),
];

pub(crate) fn example(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/node-host").join(file)
}

/// Starts what `cargo xtask` has found or fetched, or else what is on `PATH`.
pub(crate) fn node(arguments: &[&Path]) -> Child {
    let program = std::env::var_os("ALDIS_NODE").unwrap_or_else(|| "node".into());
    let mut node = Command::new(program);
    node.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    node.spawn().unwrap_or_else(|error| panic!("no Node ({error}); run `cargo xtask test`, which gets one"))
}

/// Files that a Node of ours reads.
pub(crate) struct Scratch(TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a scratch folder"))
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).expect("a file is written");
        path
    }
}

/// A guest in a Node of its own.
pub(crate) struct Node {
    name: &'static str,
    fed: Fed,
    scratch: Scratch,
    child: Child,
    stdin: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What comes of a call.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Answer<T> {
    Ok(T),
    Refused(Why),
    Broken(String),
}

impl Node {
    fn start(name: &'static str, host: &str, fed: Fed) -> Self {
        Self::hosting(embedded_module(), name, host, fed)
    }

    /// With another module in place of the guest.
    pub(crate) fn hosting(module: &[u8], name: &'static str, host: &str, fed: Fed) -> Self {
        let scratch = Scratch::new();
        let host = scratch.file("aldis.mjs", host.as_bytes());
        let pipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest_vectors/node.mjs");
        let module = scratch.file("aldis_guest.wasm", module);
        let mut child = node(&[&pipe, &host, &module]);
        let stdin = child.stdin.take().expect("piped");
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        Self { name, fed, scratch, child, stdin, answers }
    }

    pub(crate) fn call<T: DeserializeOwned>(&mut self, call: &Value) -> Answer<T> {
        writeln!(self.stdin, "{call}").expect("listens");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{call}: {error}: {line}"))
    }

    /// Asks about a request.
    fn ask<T: DeserializeOwned>(&mut self, call: &str, request: &Request, now: UnixMillis) -> Answer<T> {
        let mut facts = serde_json::to_value(request).expect("is JSON");
        facts.as_object_mut().expect("is an object").insert("labels".to_string(), json!(request.labels.0));
        self.call(&json!({"call": call, "request": facts, "now": now.as_u64().to_string()}))
    }
}

impl Engine for Node {
    fn name(&self) -> &str {
        self.name
    }

    fn load(&mut self, document: &[u8], anchor: UnixMillis) -> Result<(), Refusal> {
        let (call, bytes) = match self.fed {
            Fed::Documents => ("document", document.to_vec()),
            Fed::Images => ("image", image(document, anchor)?),
        };
        let file = self.scratch.file("set", &bytes);
        match self.call::<u32>(&json!({"call": call, "file": file, "anchor": anchor.as_u64().to_string()})) {
            Answer::Ok(_) => Ok(()),
            Answer::Refused(why) => Err(why.into()),
            Answer::Broken(error) => panic!("{error}"),
        }
    }

    fn decide(&mut self, request: &Request, now: UnixMillis) -> Verdict {
        match self.ask("evaluate", request, now) {
            Answer::Ok(verdict) => verdict,
            // A verdict that no vector expects, so that it counts as a difference.
            Answer::Refused(Why { reason: error, .. }) | Answer::Broken(error) => {
                Verdict { level: error, ring_buffer: false, capture: false, decided_by: None }
            }
        }
    }

    fn explain(&mut self, request: &Request, now: UnixMillis) -> Option<Explained> {
        match self.ask::<Vec<Line>>("explain", request, now) {
            Answer::Ok(lines) => Some(lines.into_iter().map(Line::into_pair).collect()),
            Answer::Refused(Why { reason: error, .. }) | Answer::Broken(error) => {
                Some(vec![(self.name.to_string(), error)])
            }
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A test that failed must not leave it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
