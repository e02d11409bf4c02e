//! `PUT /v1/directives`: who may, and over what.

use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{Key, KvReader};
use rig::http::{Answer, Question};
use serde_json::json;

use crate::fixture::{EMPTY, KEY, MALFORMED, ONE, OTHER, Served, Setting, TOKEN, allowed};

async fn put(served: &Served, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
    let question =
        headers.iter().fold(Question::put(path.to_owned(), body.to_owned()), |question, (name, value)| {
            question.header(*name, *value)
        });
    served.ask(allowed(question)).await
}

#[tokio::test]
async fn what_is_published_is_in_force_when_the_answer_comes() {
    let served = Served::start().await;
    let answer = put(&served, "/v1/directives", ONE, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let said = answer.json();
    assert_eq!(
        (&said["published"], &said["revision"], &said["replaced"]),
        (&json!(true), &json!(2), &json!(0))
    );
    assert_eq!((&said["key"], &said["difference"]["added"]), (&json!(KEY), &json!(["a"])));
    let now = served.get("/v1/directives").await;
    assert_eq!(answer.header("etag"), now.header("etag"), "the answer says which set it made");
    assert_eq!(now.header("aldis-revision"), "2");
}

#[tokio::test]
async fn nobody_publishes_without_a_token() {
    let served = Served::start().await;
    for shown in
        ["", "Bearer", "Bearer ", "Bearer wrong", "Bearer 0123456789abcdeg", "Basic 0123456789abcdef"]
    {
        let question = Question::put("/v1/directives", ONE).header("authorization", shown);
        let answer = served.ask(question).await;
        assert_eq!((answer.status, answer.reason()), (401, "unauthorized".to_owned()), "{shown}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    let (_, entry) = served.kv.get(&Key::from(KEY)).await.expect("can be read");
    assert!(entry.is_none(), "nothing was published");

    served.set_tokens("another-token-of-the-fleet");
    assert_eq!(put(&served, "/v1/directives", ONE, &[]).await.status, 401, "the old token is gone");
    let question =
        Question::put("/v1/directives", ONE).header("authorization", "Bearer another-token-of-the-fleet");
    assert_eq!(served.ask(question).await.status, 200);
    served.set_tokens("");
    assert_eq!(
        put(&served, "/v1/directives", ONE, &[]).await.status,
        401,
        "a file without tokens admits nobody"
    );
}

#[tokio::test]
async fn a_relay_without_a_token_file_publishes_for_nobody() {
    let served = Served::with(Setting { publishes: false, ..Setting::default() }).await;
    let answer = put(&served, "/v1/directives", ONE, &[]).await;
    assert_eq!((answer.status, answer.reason()), (403, "not_enabled".to_owned()));
}

#[tokio::test]
async fn what_is_refused_changes_nothing_and_says_why() {
    let served = Served::start().await;
    put(&served, "/v1/directives", ONE, &[]).await;
    let before = served.get("/v1/directives").await;
    let wide = r#"{"directives":[{"id":"w","level":"Shape","ttl_secs":60}]}"#;
    let past =
        r#"{"directives":[{"id":"p","level":"Shape","expires_at":"2020-01-01T00:00:00Z","tenant":"x"}]}"#;
    for (path, body, status, reason) in [
        ("/v1/directives", MALFORMED, 422, "unknown_field"),
        ("/v1/directives", "", 422, "invalid_json"),
        ("/v1/directives", wide, 422, "fleet_wide"),
        ("/v1/directives", past, 422, "expired"),
        ("/v1/directives?name=x", ONE, 400, "bad_request"),
        ("/v1/directives?dryrun=true", ONE, 400, "bad_request"),
    ] {
        let answer = put(&served, path, body, &[]).await;
        assert_eq!((answer.status, &*answer.reason()), (status, reason), "{path} {body}");
    }
    assert_eq!(served.get("/v1/directives").await.header("etag"), before.header("etag"));
    assert_eq!(put(&served, "/v1/directives?fleet_wide=true", wide, &[]).await.status, 200);
}

#[tokio::test]
async fn a_dry_run_shows_the_difference_and_changes_nothing() {
    let served = Served::start().await;
    put(&served, "/v1/directives", ONE, &[]).await;
    let answer = put(&served, "/v1/directives?dry_run=true", OTHER, &[]).await;
    let said = answer.json();
    assert_eq!((&said["published"], &said["revision"]), (&json!(false), &json!(null)));
    assert_eq!(
        (&said["difference"]["added"], &said["difference"]["removed"]),
        (&json!(["b"]), &json!(["a"]))
    );
    assert_eq!(served.get("/v1/directives").await.header("aldis-revision"), "2");
}

#[tokio::test]
async fn who_names_the_set_that_is_replaced_loses_nobodys_change() {
    let served = Served::start().await;
    let empty = served.get("/v1/directives").await.header("etag").to_owned();
    assert_eq!(put(&served, "/v1/directives", ONE, &[("if-match", &empty)]).await.status, 200);
    let conflict = put(&served, "/v1/directives", OTHER, &[("if-match", &empty)]).await;
    assert_eq!((conflict.status, conflict.reason()), (412, "conflict".to_owned()));
    let one = served.get("/v1/directives").await.header("etag").to_owned();
    for wrong in [format!("W/{one}"), "\"x\"".to_owned(), String::new(), one.replace('2', "3")] {
        assert_eq!(
            put(&served, "/v1/directives", OTHER, &[("if-match", &wrong)]).await.status,
            412,
            "{wrong}"
        );
    }
    let listed = format!("\"x\", {one}");
    assert_eq!(put(&served, "/v1/directives", OTHER, &[("if-match", &listed)]).await.status, 200);
    assert_eq!(put(&served, "/v1/directives", EMPTY, &[("if-match", "*")]).await.status, 200);
    assert_eq!(
        put(&served, "/v1/directives", ONE, &[("if-none-match", "*")]).await.status,
        412,
        "there is one"
    );
}

/// The set in force is not what the key holds: a newer document is refused, and the client has not seen it.
#[tokio::test]
async fn a_refused_document_is_not_overwritten_unseen() {
    let served = Served::start().await;
    put(&served, "/v1/directives", ONE, &[]).await;
    let etag = served.get("/v1/directives").await.header("etag").to_owned();
    served.put(MALFORMED).await;
    assert_eq!(served.get("/v1/directives").await.header("etag"), etag, "the last good one stays");
    let conflict = put(&served, "/v1/directives", OTHER, &[("if-match", &etag)]).await;
    assert_eq!(conflict.status, 412);
    assert!(conflict.text().contains("without If-Match"), "{}", conflict.text());
    assert_eq!(put(&served, "/v1/directives", OTHER, &[]).await.status, 200);
}

/// Nor where others of the same prefix have gone on since.
#[tokio::test]
async fn a_refused_document_is_not_overwritten_unseen_behind_others() {
    let served = Served::with(Setting { scope: "aldis/", ..Setting::default() }).await;
    served.put_under("aldis/a", MALFORMED).await;
    served.put_under("aldis/b", ONE).await;
    let etag = served.get("/v1/directives").await.header("etag").to_owned();
    let conflict = put(&served, "/v1/directives?name=a", OTHER, &[("if-match", &etag)]).await;
    assert_eq!(conflict.status, 412);
    assert_eq!(put(&served, "/v1/directives?name=b", OTHER, &[("if-match", &etag)]).await.status, 200);
}

/// A relay that has not seen yet that its document was deleted: whoever names the set that it has would bring it back.
#[tokio::test]
async fn a_deletion_that_is_on_its_way_is_not_undone_unseen() {
    for (scope, path, key) in [(KEY, "/v1/directives", KEY), ("aldis/", "/v1/directives?name=a", "aldis/a")] {
        let behind = Served::with(Setting { scope, ..Setting::default() }).await;
        behind.put_under(key, ONE).await;
        let etag = behind.get("/v1/directives").await.header("etag").to_owned();
        let ahead = MemoryKv::new();
        let ahead_of_it = Setting { scope, ..Setting::default() };
        let served = Served::over(behind.store.clone(), ahead.clone(), ahead_of_it).await;
        let conflict = put(&served, path, OTHER, &[("if-match", &etag)]).await;
        assert_eq!((conflict.status, conflict.reason()), (412, "conflict".to_owned()), "{scope}");
        assert!(ahead.get(&Key::from(key)).await.expect("can be read").1.is_none());
    }
}

/// Under a prefix a document may be new, and the set that it is added to be named.
#[tokio::test]
async fn a_document_is_added_to_the_set_that_is_named() {
    let served = Served::with(Setting { scope: "aldis/", ..Setting::default() }).await;
    for (name, body) in [("a", ONE), ("b", OTHER)] {
        let etag = served.get("/v1/directives").await.header("etag").to_owned();
        let path = format!("/v1/directives?name={name}");
        assert_eq!(put(&served, &path, body, &[("if-match", &etag)]).await.status, 200, "{name}");
    }
    assert_eq!(served.store.snapshot().set.len(), 2);
}

#[tokio::test]
async fn of_many_who_replace_the_same_set_one_wins() {
    let served = Served::start().await;
    let etag = served.get("/v1/directives").await.header("etag").to_owned();
    let writers = (0..8).map(|writer| {
        let body = ONE.replace("\"a\"", &format!("\"w{writer}\""));
        let question = allowed(Question::put("/v1/directives", body).header("if-match", &etag));
        served.ask(question)
    });
    let answers = futures_util::future::join_all(writers).await;
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 412)), "{answers:?}");
    assert_eq!(served.get("/v1/directives").await.header("etag"), won[0].header("etag"));
}

#[tokio::test]
async fn under_a_prefix_a_document_has_a_name() {
    let served = Served::with(Setting { scope: "aldis/", ..Setting::default() }).await;
    assert_eq!(put(&served, "/v1/directives", ONE, &[]).await.reason(), "bad_request");
    let first = put(&served, "/v1/directives?name=first", ONE, &[]).await;
    assert_eq!(first.json()["key"], "aldis/first");
    let second = put(&served, "/v1/directives?name=a%20b/%C3%A9", OTHER, &[]).await;
    assert_eq!(second.json()["key"], "aldis/a b/é", "{}", second.text());
    assert_eq!(served.store.snapshot().set.len(), 2);
}

/// As the reference wants it: its decoder knows no `expires_at`.
#[tokio::test]
async fn for_the_reference_a_document_is_published_as_it_stands() {
    let served = Served::start().await;
    let body = r#"{"directives":[{"id":"r","level":"Shape","ttl_secs":60,"tenant":"acme"}]}"#;
    assert_eq!(put(&served, "/v1/directives?compat=true", body, &[]).await.status, 200);
    let (_, entry) = served.kv.get(&Key::from(KEY)).await.expect("can be read");
    assert_eq!(&*entry.expect("is there").value, body.as_bytes());
    assert!(!format!("{:?}", served.store).contains(TOKEN));
}
