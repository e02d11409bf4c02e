//! Every vector through the relay: `/v1/check` for what is refused, `/v1/eval` for what is decided.

use std::net::SocketAddr;

use aldis_etcd::UnixMillis;
use rig::http::{Client, Question};
use rig::vectors::{Engine, Explained, Refusal, Request, Verdict, all, differences};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::fixture::Served;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_vector_holds_through_the_relay() {
    let served = Served::start().await;
    let address = served.address;
    let differences = tokio::task::spawn_blocking(move || {
        let cases = all();
        assert!(cases.len() >= 400, "only {} vectors", cases.len());
        differences(&mut Relay::new(address), &cases)
    });
    let differences = differences.await.expect("says what differs");
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

struct Relay {
    client: Client,
    document: String,
    anchor: u64,
}

impl Relay {
    fn new(address: SocketAddr) -> Self {
        let client = Handle::current().block_on(Client::connect(address));
        Self { client, document: String::new(), anchor: 0 }
    }

    fn ask(&mut self, question: Question) -> Value {
        let answer = Handle::current().block_on(self.client.ask(question));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    fn eval(&mut self, request: &Request, now: UnixMillis) -> Value {
        let mut facts = serde_json::Map::new();
        for (name, fact) in [
            ("tenant", &request.tenant),
            ("index", &request.index),
            ("principal", &request.principal),
            ("endpoint", &request.endpoint),
            ("request_id", &request.request_id),
            ("trace_id", &request.trace_id),
        ] {
            facts.extend(fact.iter().map(|fact| (name.to_owned(), json!(fact))));
        }
        facts.insert("labels".to_owned(), serde_json::to_value(&request.labels).expect("is JSON"));
        // By hand, as the document's own bytes are what is asked about.
        let (facts, now, anchor) = (Value::Object(facts), now.as_u64(), self.anchor);
        let document = &self.document;
        let question = format!(
            r#"{{"request":{facts},"now":{now},"anchor":{anchor},"explain":true,"document":{document}}}"#
        );
        self.ask(Question::post("/v1/eval", question))
    }
}

impl Engine for Relay {
    fn name(&self) -> &str {
        "relay"
    }

    fn load(&mut self, document: &[u8], anchor: UnixMillis) -> Result<(), Refusal> {
        let answer =
            Handle::current().block_on(self.client.ask(Question::post("/v1/check", document.to_vec())));
        let text = |value: &Value| value.as_str().expect("is text").to_owned();
        let number =
            |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok()).expect("a number");
        let json = answer.json();
        if json["valid"] == true {
            (self.document, self.anchor) =
                (String::from_utf8(document.to_vec()).expect("text"), anchor.as_u64());
            return Ok(());
        }
        let error = &json["error"];
        Err(Refusal {
            reason: text(&error["reason"]),
            path: text(&error["path"]),
            line: number(&error["line"]),
            column: number(&error["column"]),
            help: error["help"].as_str().map(str::to_owned),
        })
    }

    fn decide(&mut self, request: &Request, now: UnixMillis) -> Verdict {
        serde_json::from_value(verdict(self.eval(request, now))).expect("is a verdict")
    }

    fn explain(&mut self, request: &Request, now: UnixMillis) -> Option<Explained> {
        let answer = self.eval(request, now);
        let lines = answer["explain"].as_array().expect("was asked for");
        let text = |value: &Value| value.as_str().expect("is text").to_owned();
        let why =
            |line: &Value| if line["applies"] == true { "applies".to_owned() } else { text(&line["why"]) };
        Some(lines.iter().map(|line| (text(&line["id"]), why(line))).collect())
    }
}

/// The four that a vector names.
fn verdict(mut answer: Value) -> Value {
    let object = answer.as_object_mut().expect("an object");
    object.retain(|name, _| matches!(name.as_str(), "level" | "ring_buffer" | "capture" | "decided_by"));
    answer
}
