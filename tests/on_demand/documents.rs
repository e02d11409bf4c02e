//! Malformed documents, lifetimes, and answers from the past.

use aldis_etcd::RefusalCause;
use aldis_etcd::kv::KvReader;

use super::reader::header;
use super::*;

const MALFORMED: &str = r#"{"directives":[{"id":"x","level":"Shape","ttl_secs":600,"tennant":"acme"}]}"#;

#[tokio::test]
async fn a_malformed_document_keeps_the_last_good_one_and_says_why() {
    let bench = Bench::with(|builder| builder.ttl(TTL));
    bench.put("acme", &document("good")).await;
    let (_, good) = bench.load("acme").await;
    let revision = bench.put("acme", MALFORMED).await;
    let (outcome, directives) = bench.load_anew("acme").await;
    assert_eq!((outcome, ids(&directives).as_str()), (FetchOutcome::Refused, "good"));
    assert_eq!(
        (directives.revision, directives.digest),
        (good.revision, good.digest),
        "those of what is in force"
    );
    let refusal = directives.refusal.as_ref().expect("is on show");
    assert_eq!(refusal.revision, revision);
    let RefusalCause::Document(error) = &refusal.cause else { panic!("{refusal:?}") };
    assert_eq!((error.reason().as_str(), error.path()), ("unknown_field", "directives[0].tennant"));
    bench.put("acme", &document("better")).await;
    let (outcome, directives) = bench.load_anew("acme").await;
    assert_eq!((outcome, ids(&directives).as_str()), (FetchOutcome::Found, "better"));
    assert_eq!(directives.refusal, None);
}

#[tokio::test]
async fn a_malformed_document_at_first_sight_is_an_empty_set_and_is_not_read_again_at_once() {
    let bench = Bench::new();
    bench.put("acme", "{").await;
    let (outcome, directives) = bench.load("acme").await;
    assert_eq!((outcome, ids(&directives).as_str()), (fetched(FetchOutcome::Refused), ""));
    assert!(directives.refusal.is_some());
    for _ in 0..100 {
        let (outcome, again) = bench.load("acme").await;
        assert!(outcome == CacheOutcome::Hit && again.refusal.is_some());
        assert_eq!(bench.on_demand.decide("acme", &Request::EMPTY).await, Decision::OFF);
    }
    assert_eq!(bench.reader.calls(), 1);
}

#[tokio::test]
async fn a_relative_lifetime_does_not_start_anew_when_the_document_is_read_again() {
    let bench = Bench::with(|builder| builder.ttl(TTL));
    bench.put("acme", &document("one")).await;
    let end = bench.load("acme").await.1.set.latest_expiry();
    for _ in 0..3 {
        let (outcome, directives) = bench.load_anew("acme").await;
        assert_eq!((outcome, directives.set.latest_expiry()), (FetchOutcome::Found, end));
    }
    bench.put("acme", &document("one")).await;
    let published_anew = bench.load_anew("acme").await.1.set.latest_expiry();
    assert!(published_anew > end, "published anew, it counts anew");
}

#[tokio::test]
async fn an_answer_from_the_past_is_asked_for_again() {
    let bench = Bench::with(|builder| builder.ttl(TTL));
    bench.put("acme", &document("old")).await;
    let key = bench.on_demand.key("acme").expect("a good name");
    let old = bench.kv.get(&key).await.expect("memory answers");
    bench.put("acme", &document("new")).await;
    assert_eq!(ids(&bench.load("acme").await.1), "new");
    bench.reader.is(Mood::Behind(vec![old.clone(), old]));
    let (_, directives) = bench.load_anew("acme").await;
    assert_eq!((ids(&directives).as_str(), bench.reader.calls()), ("new", 4));
}

#[tokio::test]
async fn a_cluster_that_was_restored_is_believed_after_a_few_asks() {
    let bench = Bench::with(|builder| builder.ttl(TTL));
    bench.put("acme", &document("old")).await;
    let key = bench.on_demand.key("acme").expect("a good name");
    let (_, old) = bench.kv.get(&key).await.expect("memory answers");
    bench.put("acme", &document("new")).await;
    let end = bench.load("acme").await.1.set.latest_expiry();
    let restored = (header(old.as_ref().expect("is there").mod_revision), old);
    bench.reader.is(Mood::Behind(vec![restored; 3]));
    let (outcome, directives) = bench.load_anew("acme").await;
    assert_eq!((outcome, ids(&directives).as_str()), (FetchOutcome::Found, "old"));
    bench.reader.is(Mood::Good);
    let (_, directives) = bench.load_anew("acme").await;
    assert_eq!(
        (ids(&directives).as_str(), directives.set.latest_expiry()),
        ("new", end),
        "as if it had never gone"
    );
}
