//! `/v1/check` and `/v1/eval`: the answers of the command, over HTTP.

use rig::http::Question;
use serde_json::{Value, json};

use crate::fixture::{MALFORMED, ONE, Served};

async fn eval(served: &Served, question: &Value) -> (u16, Value) {
    let answer = served.ask(Question::post("/v1/eval", question.to_string())).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn a_document_is_checked_as_the_command_checks_it() {
    let served = Served::start().await;
    let valid = served.ask(Question::post("/v1/check", ONE)).await;
    assert_eq!(valid.status, 200);
    let valid = valid.json();
    assert_eq!((&valid["valid"], &valid["directives"]), (&json!(true), &json!(1)));
    served.put(ONE).await;
    assert_eq!(
        valid["digest"],
        served.store.status().digest.expect("is known").to_string(),
        "the digest it then has"
    );

    let invalid = served.ask(Question::post("/v1/check", MALFORMED)).await;
    assert_eq!(invalid.status, 200, "the question is answered");
    let error = &invalid.json()["error"];
    assert_eq!(error["reason"], "unknown_field");
    assert_eq!(
        (&error["path"], &error["help"]),
        (&json!("directives[0].levl"), &json!("did you mean `level`?"))
    );

    let wide = r#"{"directives":[{"id":"w","level":"Shape","ttl_secs":60,"capture":true}]}"#;
    let warned = served.ask(Question::post("/v1/check", wide)).await.json();
    assert_ne!(warned["warnings"], json!([]));
}

#[tokio::test]
async fn a_request_is_decided_with_what_is_in_force_or_with_a_document() {
    let served = Served::start().await;
    served.put(ONE).await;
    let request = json!({"tenant": "acme", "endpoint": "Search"});
    let (status, decided) = eval(&served, &json!({"request": request, "explain": true})).await;
    assert_eq!((status, &decided["level"], &decided["decided_by"]), (200, &json!("Shape"), &json!("a")));
    assert_eq!(
        (&decided["revision"], &decided["explain"]),
        (&json!(2), &json!([{"id": "a", "applies": true}]))
    );

    let document: Value =
        serde_json::from_str(r#"{"directives":[{"id":"t","level":"ShapeTiming","ttl_secs":60}]}"#)
            .expect("JSON");
    let with =
        |now: &str| json!({"request": {}, "document": document, "anchor": 1_800_000_000_000_u64, "now": now});
    let (_, decided) = eval(&served, &with("2027-01-15T08:00:59Z")).await;
    assert_eq!((&decided["level"], &decided["revision"]), (&json!("ShapeTiming"), &Value::Null));
    let (_, decided) = eval(&served, &with("2027-01-15T08:01:00Z")).await;
    assert_eq!(decided["level"], "Off", "a minute is over");
}

#[tokio::test]
async fn a_question_that_is_none_is_refused_with_what_is_wrong() {
    let served = Served::start().await;
    for (question, word) in [
        (json!({}), "request"),
        (json!({"request": {"tennant": "acme"}}), "tennant"),
        (json!({"request": {}, "nwo": 1}), "nwo"),
        (json!({"request": {"tenant": 5}}), "invalid type"),
        (json!({"request": {"endpoint": "search"}}), "unknown endpoint"),
        (json!({"request": {}, "now": "tomorrow"}), "RFC 3339"),
        (json!({"request": {}, "now": -1}), "now"),
        (json!({"request": {"labels": ["x"]}}), "pairs"),
        (json!([]), "not a question"),
    ] {
        let (status, no) = eval(&served, &question).await;
        let message = no["error"]["message"].as_str().expect("says why");
        assert_eq!((status, &no["error"]["reason"]), (400, &json!("bad_request")), "{question}");
        assert!(message.contains(word) || word == "now" || word == "pairs", "{question}: {message}");
    }
    let (status, no) =
        eval(&served, &json!({"request": {}, "document": {"directives": [{"id": "a"}]}})).await;
    assert_eq!((status, &no["error"]["reason"]), (422, &json!("missing_level")));
}
