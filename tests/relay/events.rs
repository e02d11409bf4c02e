//! The changes as server-sent events.

use rig::http::{Client, Event, Events, Question};
use serde_json::{Value, json};

use crate::fixture::{MALFORMED, ONE, OTHER, SOON, Served};

async fn listen(served: &Served, last_id: Option<&str>) -> (Client, Events) {
    let mut client = served.client().await;
    let question = Question::get("/v1/events");
    let question = last_id.into_iter().fold(question, |question, id| question.header("last-event-id", id));
    let response = client.open(question).await.expect("an answer");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-cache");
    (client, Events::of(response))
}

async fn next(events: &mut Events) -> (Event, Value) {
    let event = events.next().await.expect("goes on");
    let data: Value = serde_json::from_str(&event.data).expect("JSON");
    assert_eq!(data["event"], *event.name, "the kind is said twice, and alike");
    (event, data)
}

#[tokio::test]
async fn who_listens_hears_where_things_stand_and_then_each_change() {
    let served = Served::start().await;
    served.put(ONE).await;
    let (_client, mut events) = listen(&served, None).await;
    let (_, applied) = next(&mut events).await;
    assert_eq!(
        (&applied["event"], &applied["revision"], &applied["directives"]),
        (&json!("applied"), &json!(2), &json!(1))
    );
    assert_eq!(next(&mut events).await.1, json!({"event": "live"}));
    served.put(MALFORMED).await;
    let (_, refused) = next(&mut events).await;
    assert_eq!((&refused["event"], &refused["revision"]), (&json!("refused"), &json!(3)));
    assert_eq!(refused["error"]["reason"], "unknown_field");
    served.put(OTHER).await;
    assert_eq!(next(&mut events).await.1["revision"], 4);
}

#[tokio::test]
async fn who_was_away_hears_what_was_missed_and_nothing_twice() {
    let served = Served::start().await;
    let (client, mut events) = listen(&served, None).await;
    next(&mut events).await;
    next(&mut events).await;
    served.put(ONE).await;
    let (seen, _) = next(&mut events).await;
    drop((client, events));
    served.put(OTHER).await;
    served.put(MALFORMED).await;
    let (_client, mut events) = listen(&served, Some(&seen.id)).await;
    assert_eq!(next(&mut events).await.1["revision"], 3);
    assert_eq!(next(&mut events).await.1["event"], "refused");
    served.put(ONE).await;
    assert_eq!(next(&mut events).await.1["revision"], 5);
}

#[tokio::test]
async fn an_id_that_is_not_known_begins_with_where_things_stand() {
    let served = Served::start().await;
    served.put(ONE).await;
    let (_client, mut events) = listen(&served, None).await;
    let (begin, _) = next(&mut events).await;
    let (known, _) = next(&mut events).await;
    let (process, number) = known.id.split_once('-').expect("two parts");
    let number: u64 = number.parse().expect("a number");
    let ahead = format!("{process}-{}", number + 1);
    let elsewhere = format!("{:08x}-{number}", u32::from_str_radix(process, 16).expect("hexadecimal") ^ 1);
    for id in ["", "-", "x-1", "1", &ahead, &elsewhere, "00000000-18446744073709551616", "\u{e9}"] {
        let (_client, mut events) = listen(&served, Some(id)).await;
        let (event, data) = next(&mut events).await;
        assert_eq!((&data["event"], &data["revision"]), (&json!("applied"), &json!(2)), "{id}");
        assert_eq!(event.id, begin.id);
        assert_eq!(next(&mut events).await.0.id, known.id);
    }
}

/// A link that is cut within the first events: whoever comes back hears all of them.
#[tokio::test]
async fn where_things_stand_is_not_gone_on_from_before_all_of_it_was_heard() {
    let served = Served::start().await;
    served.put(ONE).await;
    served.put(MALFORMED).await;
    let kinds = ["applied", "refused", "live"];
    for heard in 0..kinds.len() {
        let (_client, mut events) = listen(&served, None).await;
        let mut last_id = None;
        for kind in &kinds[..heard] {
            let (event, _) = next(&mut events).await;
            assert_eq!(event.name, *kind);
            last_id = Some(event.id).filter(|id| !id.is_empty()).or(last_id);
        }
        let (_client, mut events) = listen(&served, last_id.as_deref()).await;
        for kind in kinds {
            assert_eq!(next(&mut events).await.0.name, kind, "after {heard}");
        }
    }
}

/// Far more changes than are kept for anybody, and a client that does not read them: it hears where things stand.
#[tokio::test]
async fn a_client_that_is_too_slow_starts_over() {
    let served = Served::start().await;
    let (_client, mut events) = listen(&served, None).await;
    for turn in 0..3000_u32 {
        let body = ONE.replace("\"a\"", &format!("\"{turn:0>100}\""));
        served.put(&body).await;
    }
    let last = served.store.snapshot().revision.as_u64();
    let mut heard = 0;
    let caught_up = async {
        while next(&mut events).await.1["revision"] != last {
            heard += 1;
        }
    };
    tokio::time::timeout(SOON, caught_up).await.expect("the last change is heard");
    assert!(heard < 3000 + 10, "and none twice: {heard}");
}
