//! Every vector through the command: `check` for what is refused, `eval` for what is decided.

use aldis_core::UnixMillis;
use rig::vectors::{Case, Engine, Explained, Refusal, Request, Verdict, all, differences};
use serde_json::Value;

use super::Scratch;
use crate::aldis::{Run, aldis};

#[test]
fn every_vector_holds_through_the_command() {
    let cases = all();
    assert!(cases.len() >= 80, "only {} vectors", cases.len());
    // Each vector costs a few processes, so every core takes its share.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = cases.len().div_ceil(cores);
    let differences: Vec<String> = std::thread::scope(|scope| {
        let shares: Vec<_> = cases.chunks(share).map(|cases| scope.spawn(|| of_share(cases))).collect();
        shares.into_iter().flat_map(|share| share.join().expect("says what differs")).collect()
    });
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn of_share(cases: &[Case]) -> Vec<String> {
    let (scratch, anchor) = (Scratch::new(), UnixMillis::new(0));
    differences(&mut Aldis { scratch, file: String::new(), anchor, last: None }, cases)
}

struct Aldis {
    scratch: Scratch,
    file: String,
    anchor: UnixMillis,
    /// What was asked last, and the answer: one run tells the decision and why.
    last: Option<(Vec<String>, Value)>,
}

impl Aldis {
    fn eval(&mut self, request: &Request, now: UnixMillis) -> Value {
        let mut arguments = vec![
            "eval".to_owned(),
            self.file.clone(),
            "--format=json".to_owned(),
            "--explain".to_owned(),
            format!("--anchor={}", self.anchor.as_u64()),
            format!("--now={}", now.as_u64()),
        ];
        for (name, fact) in [
            ("tenant", &request.tenant),
            ("index", &request.index),
            ("principal", &request.principal),
            ("endpoint", &request.endpoint),
            ("request-id", &request.request_id),
            ("trace-id", &request.trace_id),
        ] {
            arguments.extend(fact.iter().map(|fact| format!("--{name}={fact}")));
        }
        arguments.extend(request.labels.0.iter().map(|(name, value)| format!("--label={name}={value}")));
        if let Some((_, answer)) = self.last.as_ref().filter(|(asked, _)| *asked == arguments) {
            return answer.clone();
        }
        let run = run(&arguments);
        assert_eq!(run.code, 0, "{arguments:?}: {}", run.err);
        let answer = run.json();
        self.last = Some((arguments, answer.clone()));
        answer
    }
}

fn run(arguments: &[String]) -> Run {
    aldis(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

impl Engine for Aldis {
    fn name(&self) -> &str {
        "aldis"
    }

    fn load(&mut self, document: &[u8], anchor: UnixMillis) -> Result<(), Refusal> {
        (self.file, self.anchor, self.last) = (self.scratch.file("document.json", document), anchor, None);
        let answer = aldis(&["check", &self.file, "--format=json", &format!("--now={}", anchor.as_u64())]);
        let json = answer.json();
        match json.get("error") {
            None => Ok(()),
            Some(error) => {
                assert_eq!(answer.code, 1);
                Err(refusal(error))
            }
        }
    }

    fn decide(&mut self, request: &Request, now: UnixMillis) -> Verdict {
        let answer = self.eval(request, now);
        let is = |name: &str| answer[name].as_bool().expect("a flag");
        Verdict {
            level: answer["level"].as_str().expect("a level").to_owned(),
            ring_buffer: is("ring_buffer"),
            capture: is("capture"),
            decided_by: answer["decided_by"].as_str().map(str::to_owned),
        }
    }

    fn explain(&mut self, request: &Request, now: UnixMillis) -> Option<Explained> {
        let answer = self.eval(request, now);
        let lines = answer["explain"].as_array().expect("a list").iter();
        let text = |line: &Value, name: &str| line[name].as_str().map(str::to_owned);
        let line = |line: &Value| {
            (text(line, "id").expect("an id"), text(line, "why").unwrap_or_else(|| "applies".to_owned()))
        };
        Some(lines.map(line).collect())
    }
}

fn refusal(error: &Value) -> Refusal {
    let number = |name: &str| error[name].as_u64().and_then(|n| u32::try_from(n).ok()).expect("a number");
    Refusal {
        reason: error["reason"].as_str().expect("a reason").to_owned(),
        path: error["path"].as_str().expect("a path").to_owned(),
        line: number("line"),
        column: number("column"),
        help: error["help"].as_str().map(str::to_owned),
    }
}
