//! `/admin/directives`, as tools that were made for the reference expect it.

use rig::http::{Answer, Question};
use serde_json::json;

use crate::fixture::{EMPTY, ONE, Served, Setting, allowed};

const PATH: &str = "/admin/directives";

async fn post(served: &Served, body: &str) -> Answer {
    served.ask(allowed(Question::post(PATH, body.to_owned()))).await
}

#[tokio::test]
async fn its_answers_are_those_of_the_reference() {
    let served = Served::start().await;
    let body = r#"{"directives":[{"id":"raise","level":"ShapeTiming","ttl_secs":60,"tenant":"acme","endpoint":"Search","sample_per_mille":500,"ring_buffer":true}]}"#;
    let published = post(&served, body).await;
    assert_eq!((published.status, published.json()), (200, json!({"published": 1})));

    let read = served.ask(allowed(Question::get(PATH))).await;
    let directives = json!({"directives": [{
        "id": "raise", "level": "ShapeTiming", "tenant": "acme", "endpoint": "Search",
        "sample_per_mille": 500, "ring_buffer": true, "capture": false, "expired": false,
    }]});
    assert_eq!((read.status, read.json()), (200, directives));

    // What is read can be published again, with a lifetime and without the mark.
    let mut again = read.json();
    let directive = again["directives"][0].as_object_mut().expect("an object");
    directive.remove("expired");
    directive.insert("ttl_secs".to_owned(), json!(60));
    assert_eq!(post(&served, &again.to_string()).await.status, 200);
    // A directive for everybody is meant, as it is there.
    assert_eq!(
        post(&served, r#"{"directives":[{"id":"w","level":"Shape","ttl_secs":60}]}"#).await.status,
        200
    );
    assert_eq!(post(&served, EMPTY).await.json(), json!({"published": 0}));
}

#[tokio::test]
async fn its_refusals_are_those_of_the_reference() {
    let served = Served::start().await;
    for (body, slug) in [
        ("nonsense", "invalid_json"),
        ("[]", "not_an_object"),
        ("{}", "missing_directives"),
        (r#"{"directives":[],"x":1}"#, "unknown_field"),
        (r#"{"directives":[{"level":"Shape","ttl_secs":60}]}"#, "missing_id"),
        (r#"{"directives":[{"id":"a","ttl_secs":60}]}"#, "missing_level"),
        (r#"{"directives":[{"id":"a","level":"Loud","ttl_secs":60}]}"#, "unknown_level"),
        (r#"{"directives":[{"id":"a","level":"Shape"}]}"#, "missing_ttl_secs"),
        (r#"{"directives":[{"id":"a","level":"Shape","ttl_secs":0}]}"#, "zero_ttl"),
        (
            r#"{"directives":[{"id":"a","level":"Shape","ttl_secs":60,"sample_per_mille":1001}]}"#,
            "bad_sample_rate",
        ),
        (
            r#"{"directives":[{"id":"a","level":"Shape","ttl_secs":60,"endpoint":"Seek"}]}"#,
            "unknown_endpoint",
        ),
    ] {
        let answer = post(&served, body).await;
        assert_eq!((answer.status, answer.json()), (400, json!({"error": slug})), "{body}");
    }
    for question in [Question::get(PATH), Question::post(PATH, ONE)] {
        let answer = served.ask(question.clone()).await;
        assert_eq!((answer.status, answer.json()), (401, json!({"error": "unauthorized"})));
        let answer = served.ask(question.header("authorization", "Bearer wrong")).await;
        assert_eq!((answer.status, answer.json()), (401, json!({"error": "unauthorized"})));
    }
    let answer = served.ask(allowed(Question::put(PATH, ONE))).await;
    assert_eq!((answer.status, answer.json()), (405, json!({"error": "method_not_allowed"})));
    assert_eq!(served.store.snapshot().set.len(), 0, "nothing was published");

    let without = Served::with(Setting { publishes: false, ..Setting::default() }).await;
    for question in [Question::get(PATH), Question::post(PATH, ONE), Question::put(PATH, ONE)] {
        let answer = without.ask(allowed(question)).await;
        assert_eq!((answer.status, answer.json()), (404, json!({"error": "not_enabled"})));
    }
}

/// The reference knows no revisions: of two who publish at once, both are told that they have.
#[tokio::test]
async fn many_who_publish_at_once_all_get_through() {
    let served = Served::start().await;
    let bodies = (0..4).map(|writer| ONE.replace("\"a\"", &format!("\"w{writer}\"")));
    let bodies: Vec<String> = bodies.collect();
    let answers = futures_util::future::join_all(bodies.iter().map(|body| post(&served, body))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
}
