//! What the proxy hands on, and what it records.

use http_body_util::BodyExt;
use rig::eventually;
use rig::http::{Client, Question, ask};
use serde_json::Value;
use tracing::subscriber::set_default;

use crate::collector::Collector;
use crate::scene::{SOON, Scene};

const DOCUMENT: &str = r#"{"directives":[
    {"id":"ring","level":"Shape","ring_buffer":true,"expires_at":"2040-01-01T00:00:00Z","tenant":"acme"},
    {"id":"timing","level":"ShapeTiming","expires_at":"2040-01-01T00:00:00Z","tenant":"beta","endpoint":"Search"}]}"#;

#[tokio::test]
async fn requests_and_answers_are_handed_on_whole_and_as_they_come() {
    let scene = Scene::with(DOCUMENT).await;
    let mut client = Client::connect(scene.proxy).await;
    for body in [String::new(), "x".to_owned(), "y".repeat(3 << 20)] {
        let question =
            Question::post("/logs/_doc/1?q=%20", body.clone()).header("te", "trailers").header("x-own", "1");
        let answer = client.ask(question).await;
        assert_eq!((answer.status, answer.header("x-seen")), (200, "POST /logs/_doc/1?q=%20"));
        let names: Vec<&str> = answer.header("x-headers").split(',').collect();
        assert!(names.contains(&"x-own") && !names.contains(&"te"), "{names:?}");
        assert!(answer.body == body, "{} of {} bytes", answer.body.len(), body.len());
    }
    let mut streamed = client.open(Question::get("/stream")).await.expect("an answer").into_body();
    let first = tokio::time::timeout(SOON, streamed.frame()).await.expect("before the rest has come");
    assert_eq!(first.expect("a piece").expect("is whole").into_data().expect("is data"), "first");
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_a_502() {
    let scene = Scene::with(DOCUMENT).await;
    let ring = native_proxy::Ring::default();
    let nobody =
        native_proxy::proxy("127.0.0.1:1".parse().expect("an address"), scene.store.clone(), ring.clone());
    let request =
        http::Request::get("/").header("x-tenant", "acme").body(axum::body::Body::empty()).expect("is legal");
    let answer = tower::ServiceExt::oneshot(nobody, request).await.expect("never fails");
    assert_eq!(answer.status(), 502);
    assert_eq!(serde_json::to_value(ring.exchanges()).expect("is JSON")[0]["status"], 502);
}

async fn exchanges(scene: &Scene) -> Value {
    ask(scene.admin, Question::get("/exchanges")).await.json()
}

#[tokio::test]
async fn the_ring_shows_what_was_asked_for_without_secrets_and_what_hangs() {
    let scene = Scene::with(DOCUMENT).await;
    let mut client = Client::connect(scene.proxy).await;
    client.ask(Question::get("/logs/_search").header("x-tenant", "other")).await;
    let question = Question::get("/logs/_search?q=private").header("x-tenant", "acme");
    client.ask(question.header("authorization", "Bearer hunter2").header("cookie", "hunter2")).await;
    let hanging =
        tokio::spawn(async move { client.ask(Question::get("/hang").header("x-tenant", "acme")).await });
    loop {
        let exchanges = exchanges(&scene).await;
        let list = exchanges.as_array().expect("a list");
        assert!(!exchanges.to_string().contains("hunter2"), "{exchanges}");
        if let [answered, hangs] = list.as_slice() {
            assert_eq!((&answered["status"], &answered["path"]), (&200.into(), &"/logs/_search".into()));
            assert!(answered["response_headers"].to_string().contains("(redacted)"), "{answered}");
            assert_eq!((&hangs["status"], &hangs["path"]), (&Value::Null, &"/hang".into()));
            let stamp = hangs["stamp"].as_str().expect("is text");
            assert!(stamp.starts_with("2:") && stamp.ends_with(":ring"), "{stamp}");
            break;
        }
        tokio::task::yield_now().await;
    }
    hanging.abort();
    assert!(
        ask(scene.admin, Question::get("/status"))
            .await
            .text()
            .starts_with("live at revision 2, 2 directives")
    );
}

/// A collector that takes OTLP hears of the requests that a directive asks timings of, and of no others.
#[tokio::test]
async fn spans_are_exported_of_those_requests_only_whose_level_asks_for_it() {
    let collector = Collector::start().await;
    let provider = native_proxy::exporter(&collector.url()).expect("an address");
    let guard = set_default(native_proxy::subscriber(Some(&provider)));
    let scene = Scene::with(DOCUMENT).await;
    for (tenant, path) in
        [("beta", "/logs/_search"), ("beta", "/logs/_count"), ("acme", "/a/_search"), ("other", "/x")]
    {
        ask(scene.proxy, Question::get(path).header("x-tenant", tenant)).await;
    }
    let flushed = provider.clone();
    tokio::task::spawn_blocking(move || flushed.force_flush())
        .await
        .expect("does not panic")
        .expect("is exported");
    drop(guard);
    eventually("a span comes", SOON, || !collector.spans().is_empty()).await;
    let spans = collector.spans();
    assert_eq!(spans.len(), 1, "{spans:?}");
    let (name, attributes) = &spans[0];
    assert_eq!(name, "aldis_request");
    assert!(attributes.contains(&("aldis.level".to_owned(), "ShapeTiming".to_owned())), "{attributes:?}");
    assert!(attributes.contains(&("aldis.decided_by".to_owned(), "timing".to_owned())), "{attributes:?}");
}
