//! The cache of what is fetched on demand: hits, lifetimes, capacity, one fetch at a time, errors; and what comes of
//! panics and of callers that go away.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends, saying why")]

#[path = "fetch_cache/trouble.rs"]
mod trouble;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aldis_etcd::fetch_cache::{CacheOutcome, FetchCache, FetchError};

/// What a fetch comes to, for whoever counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Good,
    Partial,
    Unauthorized,
    Unreachable,
}

type Value = Arc<str>;
type TestCache = FetchCache<String, Value, Status, Status>;
type Answer = (CacheOutcome<Status>, Result<Value, FetchError<Status>>);

const LONG: Duration = Duration::from_secs(300);

fn cache() -> TestCache {
    FetchCache::new(LONG, 1_000)
}

/// Calls with a fetch that succeeds at once.
async fn call(cache: &TestCache, user: &str, value: &str) -> Answer {
    let value = Value::from(value);
    cache.try_get_or_fetch(user, || async { (Status::Good, Ok(value)) }).await
}

/// The same, for what is cached from it.
async fn set(cache: &TestCache, user: &str, value: &str) {
    call(cache, user, value).await.1.expect("it succeeds");
}

/// Calls with a fetch that must not run.
async fn hit(cache: &TestCache, user: &str) -> Answer {
    cache.try_get_or_fetch(user, || async { panic!("is called") }).await
}

async fn expired(cache: &TestCache, user: &str) {
    let before = Instant::now();
    while cache.get(user).await.is_some() {
        assert!(before.elapsed() < Duration::from_secs(10), "it does not expire");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn fetched(outcome: Status) -> CacheOutcome<Status> {
    CacheOutcome::MissFetched { outcome: Some(outcome) }
}

fn failed(error: Status) -> Result<Value, FetchError<Status>> {
    Err(FetchError::Failed(Arc::new(error)))
}

/// Ten callers of one key at once, on tasks of their own, whose fetch takes a while; how often it ran, and what each
/// was told.
async fn ten_callers(result: Result<&'static str, Status>, outcome: Status) -> (usize, Vec<Answer>) {
    let (cache, calls) = (cache(), Arc::new(AtomicUsize::new(0)));
    let callers = (0..10).map(|_| {
        let (cache, calls) = (cache.clone(), Arc::clone(&calls));
        tokio::spawn(async move {
            let fetch = move || async move {
                calls.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(50)).await;
                (outcome, result.map(Value::from))
            };
            cache.try_get_or_fetch("racer", fetch).await
        })
    });
    let mut answers = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        answers.push(caller.await.expect("no panic"));
    }
    assert_eq!(cache.fetches_under_way(), 0, "a seat is left");
    (calls.load(Ordering::Relaxed), answers)
}

/// How many were told that they fetched, and how many that they waited.
fn told(answers: &[Answer]) -> (usize, usize) {
    let count = |label| answers.iter().filter(|(outcome, _)| outcome.label() == label).count();
    (count("miss_fetched"), count("miss_coalesced"))
}

#[test]
fn cache_outcome_label_is_stable_lowercase_snake_case() {
    assert_eq!(CacheOutcome::<Status>::Hit.label(), "hit");
    assert_eq!(CacheOutcome::<Status>::MissCoalesced.label(), "miss_coalesced");
    let outcomes = [Status::Good, Status::Partial, Status::Unauthorized, Status::Unreachable].map(Some);
    for outcome in outcomes.into_iter().chain([None]) {
        assert_eq!(CacheOutcome::MissFetched { outcome }.label(), "miss_fetched", "whatever it came to");
    }
}

#[tokio::test]
async fn cache_miss_returns_none() {
    assert_eq!(cache().get("unknown_user").await, None);
}

#[tokio::test]
async fn cache_hit_returns_stored_destinations() {
    let cache = cache();
    set(&cache, "john", "CIP FOO").await;
    assert_eq!(cache.get("john").await, Some("CIP FOO".into()));
}

#[tokio::test]
async fn cache_entry_expires_after_ttl() {
    let ttl = Duration::from_millis(50);
    let cache: TestCache = FetchCache::new(ttl, 1_000);
    let before = Instant::now();
    set(&cache, "john", "CIP").await;
    expired(&cache, "john").await;
    assert!(before.elapsed() >= ttl, "it has expired too early: {:?}", before.elapsed());
    assert_eq!(cache.entry_count().await, 0);
    assert_eq!(call(&cache, "john", "CIP").await.0, fetched(Status::Good), "it is fetched anew");
}

#[tokio::test]
async fn any_lifetime_can_be_set() {
    for (ttl, is_kept) in [(Duration::ZERO, false), (Duration::MAX, true)] {
        let cache: TestCache = FetchCache::new(ttl, 1_000);
        let (_, value) = call(&cache, "john", "CIP").await;
        assert_eq!((value, cache.get("john").await.is_some()), (Ok("CIP".into()), is_kept), "{ttl:?}");
    }
}

/// A value is overwritten only once its life is over: while it lives nobody fetches.
#[tokio::test]
async fn cache_overwrite_replaces_value() {
    let cache: TestCache = FetchCache::new(Duration::from_millis(50), 1_000);
    set(&cache, "john", "CIP").await;
    expired(&cache, "john").await;
    assert_eq!(call(&cache, "john", "FOO").await, (fetched(Status::Good), Ok("FOO".into())));
}

#[tokio::test]
async fn cache_independent_entries_per_user() {
    let cache = cache();
    set(&cache, "alice", "CIP").await;
    set(&cache, "bob", "FOO").await;
    assert_eq!((cache.get("alice").await, cache.get("bob").await), (Some("CIP".into()), Some("FOO".into())));
}

#[tokio::test]
async fn try_get_or_fetch_hit_does_not_call_fetch() {
    let cache = cache();
    set(&cache, "john", "CIP").await;
    assert_eq!(hit(&cache, "john").await, (CacheOutcome::Hit, Ok("CIP".into())));
}

#[tokio::test]
async fn try_get_or_fetch_miss_calls_fetch_and_caches() {
    let cache = cache();
    assert_eq!(call(&cache, "alice", "CIP").await, (fetched(Status::Good), Ok("CIP".into())));
    assert_eq!(hit(&cache, "alice").await, (CacheOutcome::Hit, Ok("CIP".into())));
}

#[tokio::test]
async fn try_get_or_fetch_propagates_partial_failure_outcome_on_self_fetch() {
    let fetch = || async { (Status::Partial, Ok("CIP".into())) };
    let (outcome, value) = cache().try_get_or_fetch("bob", fetch).await;
    assert_eq!((outcome, value), (fetched(Status::Partial), Ok("CIP".into())), "good, and yet not the whole");
}

#[tokio::test(start_paused = true)]
async fn single_flight_coalesces_concurrent_misses() {
    let (calls, answers) = ten_callers(Ok("CIP"), Status::Good).await;
    assert_eq!((calls, told(&answers)), (1, (1, 9)));
    assert!(answers.iter().all(|(_, value)| *value == Ok("CIP".into())), "{answers:?}");
}

#[tokio::test(start_paused = true)]
async fn concurrent_error_fan_out_only_self_fetcher_reports_missfetched() {
    let (calls, answers) = ten_callers(Err(Status::Unauthorized), Status::Unauthorized).await;
    assert_eq!((calls, told(&answers)), (1, (1, 9)));
    let reports = answers.iter().filter(|(outcome, _)| *outcome == fetched(Status::Unauthorized));
    assert_eq!(reports.count(), 1, "with what it really came to: {answers:?}");
}

#[tokio::test(start_paused = true)]
async fn concurrent_error_fan_out_yields_503_to_all_waiters() {
    let (calls, answers) = ten_callers(Err(Status::Unreachable), Status::Unreachable).await;
    assert_eq!(calls, 1);
    assert!(answers.iter().all(|(_, value)| *value == failed(Status::Unreachable)), "{answers:?}");
}

#[tokio::test]
async fn errors_are_not_cached() {
    let cache = cache();
    let fetch = || async { (Status::Unreachable, Err(Status::Unreachable)) };
    assert_eq!(cache.try_get_or_fetch("doomed", fetch).await.1, failed(Status::Unreachable));
    assert_eq!((cache.get("doomed").await, cache.entry_count().await), (None, 0));
    assert_eq!(call(&cache, "doomed", "CIP").await, (fetched(Status::Good), Ok("CIP".into())));
}

#[tokio::test]
async fn entry_count_reflects_size() {
    let cache = cache();
    set(&cache, "alice", "A").await;
    set(&cache, "bob", "B").await;
    assert_eq!(cache.entry_count().await, 2);
    set(&cache, "bob", "C").await;
    assert_eq!(cache.entry_count().await, 2);
}

#[tokio::test]
async fn no_more_is_held_than_fits_and_what_is_asked_for_often_stays() {
    let cache: TestCache = FetchCache::new(LONG, 100);
    set(&cache, "regular", "R").await;
    for number in 0..5_000 {
        set(&cache, &format!("passer-by {number}"), "P").await;
        assert!(cache.get("regular").await.is_some(), "driven out by passer-by {number}");
    }
    assert_eq!(cache.entry_count().await, 100);
}

#[tokio::test]
async fn weights_bound_it_and_what_weighs_more_than_all_is_handed_out_but_not_kept() {
    let cache: TestCache =
        FetchCache::weighted(LONG, 100, |_, value: &Value| u32::try_from(value.len()).expect("short"));
    for number in 0..50 {
        set(&cache, &number.to_string(), "0123456789").await;
    }
    assert!(cache.entry_count().await <= 10);
    let large: Value = "x".repeat(101).into();
    let (_, value) = call(&cache, "large", &large).await;
    cache.entry_count().await;
    assert_eq!((value, cache.get("large").await), (Ok(large), None));
}

#[tokio::test]
async fn keys_do_not_wait_for_each_other() {
    let cache = cache();
    let entered = Arc::new(tokio::sync::Barrier::new(200));
    let callers = (0..200).map(|number| {
        let (cache, entered) = (cache.clone(), Arc::clone(&entered));
        tokio::spawn(async move {
            let fetch = move || async move {
                // Passed only once all are here.
                entered.wait().await;
                (Status::Good, Ok(Value::from(number.to_string())))
            };
            cache.try_get_or_fetch(number.to_string().as_str(), fetch).await
        })
    });
    for (number, caller) in callers.collect::<Vec<_>>().into_iter().enumerate() {
        let answer =
            tokio::time::timeout(Duration::from_secs(20), caller).await.expect("in time").expect("no panic");
        assert_eq!(answer, (fetched(Status::Good), Ok(number.to_string().into())));
    }
    assert_eq!((cache.entry_count().await, cache.fetches_under_way()), (200, 0));
}

#[test]
fn a_debug_line_shows_nothing_that_is_cached() {
    assert_eq!(format!("{:?}", cache()), "FetchCache { .. }");
}
