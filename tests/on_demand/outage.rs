//! When the store does not answer.

use aldis_etcd::kv::KvError;

use super::*;

fn down() -> KvError {
    KvError::Failed { operation: "get", cause: "down".to_owned() }
}

#[tokio::test]
async fn in_an_outage_the_last_good_set_is_handed_out_and_says_so() {
    let bench = Bench::with(|builder| builder.ttl(TTL));
    bench.put("acme", &document("good")).await;
    let (_, good) = bench.load("acme").await;
    bench.reader.is(Mood::Failing(down()));
    let (outcome, directives) = bench.load_anew("acme").await;
    assert_eq!((outcome, ids(&directives).as_str()), (FetchOutcome::Failed, "good"));
    assert_eq!(directives.stale, Some(LoadError::Read(down())));
    assert_eq!((directives.confirmed, directives.revision), (good.confirmed, good.revision));
    assert_eq!(bench.on_demand.decide("acme", &Request::EMPTY).await.level, DiagLevel::Shape);
    bench.reader.is(Mood::Good);
    bench.put("acme", &document("after")).await;
    let after = bench.recovered("acme").await;
    assert!(ids(&after) == "after" && after.confirmed > good.confirmed);
}

#[tokio::test]
async fn of_a_tenant_of_whom_nothing_is_known_an_outage_is_an_error_and_off_and_is_not_cached() {
    let bench = Bench::new();
    bench.put("acme", &document("good")).await;
    bench.reader.is(Mood::Failing(down()));
    let (outcome, directives) = bench.on_demand.load("acme").await;
    assert_eq!((outcome, directives), (fetched(FetchOutcome::Failed), Err(LoadError::Read(down()))));
    assert_eq!(bench.on_demand.decide("acme", &Request::EMPTY).await, Decision::OFF);
    assert_eq!(bench.on_demand.cached().await, 0);
    bench.reader.is(Mood::Good);
    assert_eq!(ids(&bench.recovered("acme").await), "good");
}

#[tokio::test]
async fn what_was_not_confirmed_for_too_long_is_not_handed_out() {
    let limit = Duration::from_millis(300);
    let bench = Bench::with(|builder| builder.ttl(Duration::ZERO).stale_limit(limit));
    bench.put("acme", &document("good")).await;
    let confirmed = bench.load("acme").await.1.confirmed;
    bench.reader.is(Mood::Failing(down()));
    let began = Instant::now();
    loop {
        let age = bench.on_demand.now().saturating_since(confirmed);
        match bench.on_demand.load("acme").await.1 {
            Ok(directives) => assert!(directives.stale.is_some() && age <= limit, "{age:?}"),
            Err(_) => break assert!(bench.on_demand.now().saturating_since(confirmed) > limit),
        }
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    bench.reader.is(Mood::Good);
    assert_eq!(ids(&bench.recovered("acme").await), "good");
}

#[tokio::test]
async fn after_a_failure_the_store_is_left_alone_for_a_while() {
    let bench = Bench::new();
    bench.reader.is(Mood::Failing(down()));
    let (mut paused, began) = (0, Instant::now());
    // As busy as can be, for as long as some pauses last.
    while began.elapsed() < Duration::from_secs(1) {
        match bench.on_demand.load("acme").await {
            (outcome, Err(LoadError::Paused(cause))) => {
                assert_eq!((outcome, cause), (fetched(FetchOutcome::Paused), down()));
                paused += 1;
            }
            (outcome, Err(LoadError::Read(_))) => assert_eq!(outcome, fetched(FetchOutcome::Failed)),
            other => panic!("{other:?}"),
        }
    }
    let calls = bench.reader.calls();
    assert!(calls < 60 && paused > calls, "{calls} reads, {paused} paused");
}

#[tokio::test(start_paused = true)]
async fn a_read_that_is_never_answered_is_given_up_at_the_deadline() {
    let bench = Bench::with(|builder| builder.deadline(Duration::from_millis(700)));
    bench.reader.is(Mood::Silent);
    let began = tokio::time::Instant::now();
    let (outcome, directives) = bench.on_demand.load("acme").await;
    assert_eq!(began.elapsed().as_millis(), 700);
    assert_eq!(outcome, fetched(FetchOutcome::Timeout));
    assert!(
        matches!(directives, Err(LoadError::Read(KvError::Timeout { limit_ms: 700, .. }))),
        "{directives:?}"
    );
    assert_eq!(bench.reader.under_way(), 0);
}

#[tokio::test]
async fn a_panic_of_the_reader_is_an_outage_too() {
    let bench = Bench::with(|builder| builder.ttl(TTL));
    bench.put("acme", &document("good")).await;
    bench.load("acme").await;
    tokio::time::sleep(TTL * 2).await;
    bench.reader.is(Mood::Panicking);
    let (outcome, directives) = bench.load("acme").await;
    assert_eq!(outcome, CacheOutcome::MissFetched { outcome: None });
    assert_eq!((ids(&directives).as_str(), &directives.stale), ("good", &Some(LoadError::Panicked)));
    bench.reader.is(Mood::Good);
    assert_eq!(ids(&bench.recovered("acme").await), "good");
}
