//! The set as a document and as an image, at once and when there is news.

use std::time::{Duration, Instant};

use aldis_etcd::relay::Limits;
use aldis_etcd::{DirectiveSet, UnixMillis};
use rig::http::Question;

use crate::fixture::{EMPTY, MALFORMED, ONE, OTHER, SOON, Served, allowed};

#[tokio::test]
async fn the_set_comes_as_a_document_and_as_an_image_and_both_say_which_it_is() {
    let served = Served::start().await;
    served.put(ONE).await;
    let (document, image) = (served.get("/v1/directives").await, served.get("/v1/image").await);
    for answer in [&document, &image] {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("aldis-revision"), "2");
        let digest = served.store.status().digest.expect("has been read").to_string();
        assert_eq!(answer.header("aldis-digest"), digest);
        assert_eq!(answer.header("aldis-state"), "live");
        assert_eq!(answer.header("cache-control"), "no-cache");
    }
    assert_eq!(document.header("content-type"), "application/json");
    assert_eq!(image.header("content-type"), "application/vnd.aldis.image");
    let set = DirectiveSet::from_image(image.body.to_vec()).expect("is an image");
    assert_eq!(set, *served.store.snapshot().set);
    assert_eq!(DirectiveSet::decode(&document.body, UnixMillis::new(0)).expect("is a document"), set);
}

/// Whatever was published relative to its time has an end in it that does not move.
#[tokio::test]
async fn the_document_can_be_published_again_unchanged() {
    let served = Served::start().await;
    for body in [
        EMPTY.to_owned(),
        ONE.to_owned(),
        r#"{"directives":[
            {"id":"relative","level":"Shape","ttl_secs":600,"tenant":"acme","sample_per_mille":5,"salt":"s"},
            {"id":"wide","level":"Off","suppress":true,"ttl_secs":60,"endpoints":["Search","Count"],
             "labels":{"env":"prod"},"not_before":"2026-01-01T00:00:00Z","principals":["x","y"]}]}"#
            .to_owned(),
    ] {
        served.put(&body).await;
        let before = served.store.snapshot();
        let document = served.get("/v1/directives").await;
        let published =
            served.ask(allowed(Question::put("/v1/directives?fleet_wide=true", document.body.clone()))).await;
        assert_eq!(published.status, 200, "{}", published.text());
        assert_eq!(served.store.snapshot().set, before.set);
        assert_eq!(served.get("/v1/directives").await.body, document.body);
    }
}

#[tokio::test]
async fn who_has_the_set_is_told_so_and_gets_no_body() {
    let served = Served::start().await;
    served.put(ONE).await;
    for path in ["/v1/directives", "/v1/image"] {
        let etag = served.get(path).await.header("etag").to_owned();
        for known in [etag.clone(), format!("W/{etag}"), "*".to_owned(), format!("\"x\", {etag}")] {
            let answer = served.ask(Question::get(path).header("if-none-match", &known)).await;
            assert_eq!((answer.status, answer.body.len()), (304, 0), "{known}");
            assert_eq!((answer.header("etag"), answer.header("aldis-revision")), (&*etag, "2"));
        }
        for other in ["\"x\"", "x", "", "\"", "W/", "\u{e9}", ",,,", &"x".repeat(5000)] {
            let answer = served.ask(Question::get(path).header("if-none-match", other)).await;
            assert_eq!(answer.status, 200, "{other}");
        }
    }
}

#[tokio::test]
async fn an_answer_is_held_back_until_there_is_news() {
    let served = Served::start().await;
    served.put(ONE).await;
    for path in ["/v1/directives?wait=60s", "/v1/image?wait=60s"] {
        let etag = served.get(path).await.header("etag").to_owned();
        let mut client = served.client().await;
        let question = Question::get(path).header("if-none-match", etag);
        let waiting = tokio::spawn(async move { client.ask(question).await });
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!waiting.is_finished(), "there is no news yet");
        // What is refused changes nothing that is in force.
        served.put(MALFORMED).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!waiting.is_finished(), "a refusal is no news");
        served.put(if path.contains("image") { ONE } else { OTHER }).await;
        let answer = tokio::time::timeout(SOON, waiting).await.expect("at once").expect("an answer");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("aldis-revision"), served.store.snapshot().revision.to_string());
    }
}

#[tokio::test]
async fn without_news_it_is_held_back_no_longer_than_asked_for_nor_than_allowed() {
    let served = Served::limited(Limits { wait: Duration::from_millis(300), ..Limits::STANDARD }).await;
    let etag = served.get("/v1/image").await.header("etag").to_owned();
    for (wait, least, most) in [("100ms", 100, 10_000), ("10m", 300, 10_000)] {
        let begun = Instant::now();
        let path = format!("/v1/image?wait={wait}");
        let answer = served.ask(Question::get(path).header("if-none-match", &etag)).await;
        let took = begun.elapsed();
        assert_eq!(answer.status, 304);
        assert!(
            took >= Duration::from_millis(least) && took < Duration::from_millis(most),
            "{wait}: {took:?}"
        );
    }
}

#[tokio::test]
async fn who_does_not_have_the_set_never_waits_and_a_head_has_no_body() {
    let served = Served::start().await;
    let begun = Instant::now();
    assert_eq!(served.get("/v1/image?wait=60s").await.status, 200);
    let head = served.ask(Question::new(hyper::Method::HEAD, "/v1/directives?wait=60s")).await;
    assert_eq!((head.status, head.body.len(), head.header("content-length")), (200, 0, "17"));
    assert!(begun.elapsed() < SOON);
}

#[tokio::test]
async fn what_is_not_understood_is_said_and_not_guessed() {
    let served = Served::start().await;
    for path in
        ["/v1/image?wait=soon", "/v1/image?wait=30", "/v1/directives?wiat=30s", "/v1/image?wait=1s&wait=2s"]
    {
        let answer = served.get(path).await;
        assert_eq!((answer.status, answer.reason()), (400, "bad_request".to_owned()), "{path}");
    }
    assert_eq!(served.get("/v2/image").await.reason(), "not_found");
    let answer = served.ask(Question::post("/v1/image", "x")).await;
    assert_eq!((answer.status, answer.reason()), (405, "method_not_allowed".to_owned()));
    assert_eq!(answer.header("allow"), "GET,HEAD");
}
