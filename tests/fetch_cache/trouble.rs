//! What it promises when fetches panic and callers go away.

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::{
    Answer, CacheOutcome, FetchCache, FetchError, LONG, Status, TestCache, Value, cache, call, failed,
    fetched, told,
};

/// More than the 200 retries after which moka's own single flight gives up.
const CROWD: usize = 300;

/// A caller on a task of its own, whose fetch would end with `value` when it is told to.
struct Caller {
    task: JoinHandle<Answer>,
    go: oneshot::Sender<()>,
    began: Arc<AtomicUsize>,
}

impl Caller {
    /// Starts it, and lets it come as far as it comes.
    async fn start(cache: &TestCache, value: &'static str) -> Self {
        let (cache, (go, gone)) = (cache.clone(), oneshot::channel());
        let began = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&began);
        let task = tokio::spawn(async move {
            let fetch = move || async move {
                counter.fetch_add(1, Ordering::Relaxed);
                gone.await.expect("is told to");
                (Status::Good, Ok(Value::from(value)))
            };
            cache.try_get_or_fetch("key", fetch).await
        });
        settle().await;
        Self { task, go, began }
    }

    fn has_begun(&self) -> bool {
        self.began.load(Ordering::Relaxed) > 0
    }

    async fn answer(self) -> Answer {
        answer(self.task).await
    }
}

async fn answer(task: JoinHandle<Answer>) -> Answer {
    tokio::time::timeout(Duration::from_secs(20), task).await.expect("hangs").expect("panics")
}

async fn cancel(task: JoinHandle<Answer>) {
    task.abort();
    assert!(task.await.expect_err("was cancelled").is_cancelled());
    settle().await;
}

/// Lets every task of this single-threaded runtime come as far as it comes.
async fn settle() {
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_panic_is_an_error_for_all_its_callers_and_the_next_call_fetches() {
    let (cache, calls) = (cache(), Arc::new(AtomicUsize::new(0)));
    let all_are_here = Arc::new(Notify::new());
    let mut callers = Vec::new();
    for _ in 0..CROWD {
        let (cache, calls, all_are_here) = (cache.clone(), Arc::clone(&calls), Arc::clone(&all_are_here));
        callers.push(tokio::spawn(async move {
            let fetch = move || async move {
                calls.fetch_add(1, Ordering::Relaxed);
                all_are_here.notified().await;
                panic!("as it was asked for")
            };
            cache.try_get_or_fetch("key", fetch).await
        }));
        settle().await;
    }
    all_are_here.notify_one();
    let mut answers = Vec::new();
    for caller in callers {
        answers.push(answer(caller).await);
    }
    assert_eq!((calls.load(Ordering::Relaxed), told(&answers)), (1, (1, CROWD - 1)));
    assert!(answers.iter().all(|(_, result)| *result == Err(FetchError::Panicked)));
    assert!(answers.iter().any(|(outcome, _)| *outcome == CacheOutcome::MissFetched { outcome: None }));
    assert_eq!((cache.get("key").await, cache.fetches_under_way()), (None, 0));
    assert_eq!(call(&cache, "key", "CIP").await, (fetched(Status::Good), Ok("CIP".into())));
}

#[tokio::test]
async fn a_panic_before_the_first_await_is_the_same() {
    let cache = cache();
    let fetch = || -> std::future::Ready<(Status, Result<Value, Status>)> { panic!("as it was asked for") };
    let (outcome, result) = cache.try_get_or_fetch("key", fetch).await;
    assert_eq!((outcome, result), (CacheOutcome::MissFetched { outcome: None }, Err(FetchError::Panicked)));
    assert_eq!(cache.fetches_under_way(), 0);
}

#[tokio::test]
async fn a_panic_of_the_weigher_is_the_same_and_nothing_is_cached() {
    let cache: TestCache = FetchCache::weighted(LONG, 10, |_, _| panic!("as it was asked for"));
    let (_, result) = call(&cache, "key", "CIP").await;
    assert_eq!((result, cache.get("key").await), (Err(FetchError::Panicked), None));
}

#[tokio::test]
async fn when_the_caller_who_began_is_dropped_a_waiter_carries_its_fetch_on() {
    let cache = cache();
    let leader = Caller::start(&cache, "of the leader").await;
    let waiter = Caller::start(&cache, "of the waiter").await;
    assert!(leader.has_begun() && !waiter.has_begun());
    cancel(leader.task).await;
    leader.go.send(()).expect("its fetch lives on");
    assert_eq!(waiter.began.load(Ordering::Relaxed), 0, "what was begun is not begun again");
    assert_eq!(waiter.answer().await, (fetched(Status::Good), Ok("of the leader".into())), "and is reported");
    assert_eq!(cache.get("key").await, Some("of the leader".into()));
}

#[tokio::test]
async fn a_waiter_that_is_dropped_changes_nothing() {
    let cache = cache();
    let leader = Caller::start(&cache, "of the leader").await;
    let [first, second] = [Caller::start(&cache, "1").await, Caller::start(&cache, "2").await];
    cancel(first.task).await;
    leader.go.send(()).expect("is waited for");
    let answers = [answer(leader.task).await, second.answer().await];
    assert_eq!(told(&answers), (1, 1));
    assert!(answers.iter().all(|(_, value)| *value == Ok("of the leader".into())), "{answers:?}");
}

#[tokio::test]
async fn when_all_are_dropped_the_fetch_is_dropped_and_the_next_call_begins_anew() {
    let cache = cache();
    let leader = Caller::start(&cache, "given up").await;
    let waiter = Caller::start(&cache, "never begun").await;
    cancel(leader.task).await;
    cancel(waiter.task).await;
    assert!(leader.go.is_closed(), "nobody would take it");
    assert_eq!((cache.get("key").await, cache.fetches_under_way()), (None, 0));
    assert_eq!(call(&cache, "key", "CIP").await, (fetched(Status::Good), Ok("CIP".into())));
}

#[tokio::test]
async fn a_crowd_of_which_all_but_one_go_away_leaves_that_one_its_value() {
    let cache = cache();
    let leader = Caller::start(&cache, "of the leader").await;
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(Caller::start(&cache, "of the crowd").await);
    }
    cancel(leader.task).await;
    let last = crowd.pop().expect("a crowd");
    for caller in crowd {
        cancel(caller.task).await;
    }
    leader.go.send(()).expect("its fetch lives on");
    assert_eq!(last.answer().await, (fetched(Status::Good), Ok("of the leader".into())));
}

#[tokio::test]
async fn a_caller_that_is_never_polled_again_holds_nobody_up() {
    let cache = cache();
    let (go, gone) = oneshot::channel();
    let fetch = move || async move {
        gone.await.expect("is told to");
        (Status::Unreachable, Err(Status::Unreachable))
    };
    let mut stuck = Box::pin(cache.try_get_or_fetch("key", fetch));
    assert!((&mut stuck).now_or_never().is_none());
    let waiter = Caller::start(&cache, "never begun").await;
    go.send(()).expect("is waited for");
    assert_eq!(waiter.answer().await, (fetched(Status::Unreachable), failed(Status::Unreachable)));
    assert_eq!(
        call(&cache, "key", "CIP").await.0,
        fetched(Status::Good),
        "a later call is not held up either"
    );
    assert_eq!(stuck.await, (CacheOutcome::MissCoalesced, failed(Status::Unreachable)));
}

/// What <https://github.com/rust-lang/futures-rs/issues/2706> is about: a fetch is woken while one caller polls it, another
/// caller comes by in the same moment, and the first goes away before it polls again.
#[tokio::test]
async fn a_wake_that_reaches_only_a_caller_who_goes_away_is_not_lost() {
    let cache = cache();
    let waiter: Slot = Arc::new(Mutex::new(None));
    let woken = Arc::new(Woken::default());
    let comes_by = (Arc::clone(&waiter), Arc::clone(&woken));
    let mut polls = 0;
    let fetch = poll_fn(move |context| {
        polls += 1;
        // The leader's first, the waiter's first, and then:
        if polls == 3 {
            context.waker().wake_by_ref();
            assert!(poll(&comes_by.0, &comes_by.1).is_pending());
        }
        if polls < 4 { Poll::Pending } else { Poll::Ready((Status::Good, Ok(Value::from("CIP")))) }
    });
    let mut leader = Box::pin(cache.try_get_or_fetch("key", || fetch));
    assert!((&mut leader).now_or_never().is_none());
    let joins = cache.clone();
    *waiter.lock().expect("unbroken") = Some(Box::pin(async move {
        joins.try_get_or_fetch("key", pending::<(Status, Result<Value, Status>)>).await
    }));
    assert!(poll(&waiter, &woken).is_pending());
    assert!((&mut leader).now_or_never().is_none());
    assert!(woken.0.swap(false, Ordering::Relaxed), "the fetch was woken, and the waiter is not told");
    drop(leader);
    assert_eq!(poll(&waiter, &woken), Poll::Ready((fetched(Status::Good), Ok("CIP".into()))));
}

/// A caller that is polled by hand.
type Slot = Arc<Mutex<Option<BoxFuture<'static, Answer>>>>;

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Polls the caller with a fresh mark.
fn poll(slot: &Slot, woken: &Arc<Woken>) -> Poll<Answer> {
    let mut caller = slot.lock().expect("unbroken");
    woken.0.store(false, Ordering::Relaxed);
    let waker = Waker::from(Arc::clone(woken));
    caller.as_mut().expect("a caller").as_mut().poll(&mut Context::from_waker(&waker))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_come_and_go_on_several_threads_all_get_a_value_or_are_gone() {
    let cache = cache();
    let running = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..2_000_usize)
        .map(|number| {
            let (cache, running) = (cache.clone(), Arc::clone(&running));
            tokio::spawn(async move {
                let key = (number % 7).to_string();
                let fetch = move || async move {
                    running.fetch_add(1, Ordering::Relaxed);
                    let running = Running(running);
                    tokio::time::sleep(Duration::from_micros(200)).await;
                    drop(running);
                    (Status::Unreachable, Err(Status::Unreachable))
                };
                let call = cache.try_get_or_fetch(key.as_str(), fetch);
                match number % 3 {
                    0 => tokio::time::timeout(Duration::from_micros(100), call).await.ok(),
                    _ => Some(call.await),
                }
            })
        })
        .collect();
    for task in tasks {
        let told = tokio::time::timeout(Duration::from_secs(60), task).await.expect("hangs").expect("panics");
        assert!(told.is_none_or(|(_, result)| result == failed(Status::Unreachable)));
    }
    assert_eq!((cache.fetches_under_way(), running.load(Ordering::Relaxed)), (0, 0));
}

/// Counts a fetch as running until it ends or is dropped.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_fetch_that_never_ends_is_given_up_with_its_caller() {
    let cache = cache();
    let call = cache.try_get_or_fetch("key", pending::<(Status, Result<Value, Status>)>);
    assert!(tokio::time::timeout(Duration::from_millis(20), call).await.is_err());
    assert_eq!(cache.fetches_under_way(), 0);
}
