//! An engine that is another process: a host behind a pipe. Each line to it is a call, and gets a line with what came of
//! it.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use aldis_core::UnixMillis;
use aldis_etcd::sink::guest::embedded_module;
use rig::vectors::{Engine, Explained, Refusal, Request, Verdict};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::host::{Host, Scratch, Source};
use crate::{Fed, Line, Why, image};

/// Who has not answered by then never will.
const PATIENCE: Duration = Duration::from_secs(120);

/// A guest in a process of its own.
pub(crate) struct Piped {
    name: String,
    fed: Fed,
    scratch: Scratch,
    child: Child,
    stdin: ChildStdin,
    answers: Receiver<String>,
}

/// What comes of a call.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Answer<T> {
    Ok(T),
    Refused(Why),
    Broken(String),
}

impl Piped {
    /// The guest, in a host as it is.
    pub(crate) fn start(host: &Host, fed: Fed) -> Self {
        Self::hosting(embedded_module(), host, &host.source(), fed)
    }

    /// With another module in place of the guest, or with a host that is not as it was.
    pub(crate) fn hosting(module: &[u8], host: &Host, source: &Source, fed: Fed) -> Self {
        let scratch = Scratch::new();
        let pipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest_vectors").join(host.pipe);
        let mut process = (host.runtime)();
        process.arg(pipe).arg(source.write(&scratch)).arg(scratch.file("aldis_guest.wasm", module));
        let mut child =
            process.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap_or_else(|error| {
                panic!("no {} ({error}); run `cargo xtask test`, which gets what is missing", host.name)
            });
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let (lines, answers) = channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        let name = match fed {
            Fed::Documents => host.name.to_owned(),
            Fed::Images => format!("{}, by image", host.name),
        };
        Self { name, fed, scratch, child, stdin, answers }
    }

    pub(crate) fn call<T: DeserializeOwned>(&mut self, call: &impl Display) -> Answer<T> {
        let answer = self.call_within(PATIENCE, call);
        answer.unwrap_or_else(|| panic!("{} gives no answer to {call}", self.name))
    }

    /// `None` if there is no answer by then.
    pub(crate) fn call_within<T: DeserializeOwned>(
        &mut self,
        patience: Duration,
        call: &impl Display,
    ) -> Option<Answer<T>> {
        // One that has ended is noticed a line below.
        let _ = writeln!(self.stdin, "{call}");
        let line = match self.answers.recv_timeout(patience) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => panic!(
                "{} has ended, with its last words above; `cargo xtask test` gets what it may lack",
                self.name
            ),
        };
        Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{call}: {error}: {line}")))
    }

    /// Asks about a request.
    fn ask<T: DeserializeOwned>(&mut self, call: &str, request: &Request, now: UnixMillis) -> Answer<T> {
        self.call(&json!({"call": call, "request": facts(request), "now": now.as_u64().to_string()}))
    }
}

/// A verdict that no vector expects, so that it counts as a difference.
pub(crate) fn failed(error: String) -> Verdict {
    Verdict { level: error, ring_buffer: false, capture: false, decided_by: None }
}

/// A request as hosts take it: labels are pairs.
pub(crate) fn facts(request: &Request) -> Value {
    let mut facts = serde_json::to_value(request).expect("is JSON");
    facts.as_object_mut().expect("is an object").insert("labels".to_string(), json!(request.labels.0));
    facts
}

impl Engine for Piped {
    fn name(&self) -> &str {
        &self.name
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
            Answer::Refused(Why { reason: error, .. }) | Answer::Broken(error) => failed(error),
        }
    }

    fn explain(&mut self, request: &Request, now: UnixMillis) -> Option<Explained> {
        match self.ask::<Vec<Line>>("explain", request, now) {
            Answer::Ok(lines) => Some(lines.into_iter().map(Line::into_pair).collect()),
            Answer::Refused(Why { reason: error, .. }) | Answer::Broken(error) => {
                Some(vec![(self.name.clone(), error)])
            }
        }
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        // A test that failed must not leave it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
