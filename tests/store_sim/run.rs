//! A run: a start, two storms and the calm after each, and the end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use aldis_etcd::{Change, Changes, EtcdDirectiveStore, StartError, State};
use sim::{Fault, Tally};
use tokio::runtime::{Builder, Handle};
use tokio::time::{Instant, advance, sleep, sleep_until};

use crate::cluster::SCOPE;
use crate::link::Link;
use crate::observer::Observer;
use crate::weather::{GRID, Shared, World};

/// How long a storm goes on.
const STORM: Duration = Duration::from_secs(90);

/// How long convergence may take once the faults stop, as in `watch_sim`: see there for the reasons.
const CONVERGENCE: Duration = Duration::from_secs(15);

/// How much longer where only a verifying read can tell.
const VERIFICATION: Duration = Duration::from_secs(80);

/// How long a store may call itself live without a word, and the time until it is looked at.
const DETECTION: Duration = Duration::from_millis(10_250);

/// How long a start may take, and how long until nothing is left after the end.
const FIVE_SECONDS: Duration = Duration::from_secs(5);

/// How a run went.
pub(crate) struct Run {
    pub(crate) took: Duration,
    pub(crate) needed_a_read: bool,
    pub(crate) tally: Tally,
    pub(crate) told: Vec<String>,
}

/// What did not hold, and what led to it.
pub(crate) struct Failure {
    pub(crate) what: String,
    pub(crate) told: Vec<String>,
}

/// Runs a seed; as the known-bad twin no state is ever the right one.
pub(crate) fn run(seed: u64, is_twin: bool) -> Result<Run, Failure> {
    // The store draws its own seed from here.
    fastrand::seed(seed);
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let endpoints = fastrand::Rng::with_seed(seed).usize(1..4);
    let world = runtime.block_on(async { World::new(seed, endpoints) });
    world.lock().cluster.forgets = is_twin;
    let result = catch_unwind(AssertUnwindSafe(|| runtime.block_on(live(&world, endpoints))));
    let told = std::mem::take(&mut world.lock().told);
    match result {
        Ok((took, needed_a_read)) => {
            let tally = world.lock().tally.clone();
            Ok(Run { took, needed_a_read, tally, told })
        }
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            let start = told.len().saturating_sub(80);
            let told = told.into_iter().skip(start).collect();
            Err(Failure { what: text.unwrap_or_default(), told })
        }
    }
}

async fn live(world: &Shared, endpoints: usize) -> (Duration, bool) {
    let mut subject = Subject::start(world, endpoints).await;
    let mut slowest = (Duration::ZERO, false);
    for _ in 0..2 {
        subject.storm().await;
        let (needed_a_read, took) = subject.converge().await;
        slowest = slowest.max((took, needed_a_read));
        subject.hear_of_changes().await;
    }
    subject.end().await;
    slowest
}

/// The store, and what is known of it.
struct Subject {
    world: Shared,
    endpoints: usize,
    store: EtcdDirectiveStore,
    observer: std::sync::Arc<Observer>,
    changes: Changes,
    clusters_changed: u64,
}

impl Subject {
    /// At a bad time it fails with a word about each endpoint, within its time; then it is tried again.
    async fn start(world: &Shared, endpoints: usize) -> Self {
        world.lock().wake_up_to_trouble();
        let names: Vec<String> = (0..endpoints).map(|number| format!("sim:{number}")).collect();
        loop {
            let began = Instant::now();
            let observer = Observer::new(world.clone());
            let link = Link { world: world.clone(), endpoints: names.clone() };
            let builder = EtcdDirectiveStore::over(std::sync::Arc::new(link)).scope(SCOPE);
            let sink = std::sync::Arc::<Observer>::clone(&observer);
            let started = builder.sink(sink).connect().await;
            assert!(began.elapsed() <= FIVE_SECONDS + Duration::from_millis(GRID), "{:?}", began.elapsed());
            match started {
                Ok(store) => {
                    let changes = store.changes();
                    let world = world.clone();
                    return Self { world, endpoints, store, observer, changes, clusters_changed: 0 };
                }
                Err(StartError::Unreachable { endpoints: failures, .. }) => {
                    assert!(failures.iter().all(|failure| failure.cause.is_some()), "{failures:?}");
                    assert_eq!(failures.len(), endpoints);
                }
                Err(other) => panic!("{other}"),
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    async fn storm(&mut self) {
        let end = Instant::now() + STORM;
        self.world.lock().is_calm = false;
        while Instant::now() < end {
            let pause = self.world.lock().pause();
            self.pass(pause).await;
            let fault = self.world.lock().happen(self.endpoints);
            self.world.tell(&fault);
            if fault == Some(Fault::Pause) {
                self.stand_still().await;
            }
        }
    }

    async fn stand_still(&mut self) {
        let pause = Duration::from_millis(self.world.lock().random.u64(0..60_000));
        advance(pause).await;
        self.world.lock().heard_at = Instant::now();
    }

    /// Lets time pass, and looks at the store meanwhile; ends beside the grid on which messages arrive.
    async fn pass(&mut self, duration: Duration) {
        let end = self.world.arrival(duration, false) + Duration::from_millis(1);
        while Instant::now() < end {
            sleep_until(end.min(Instant::now() + Duration::from_millis(250))).await;
            self.check();
        }
    }

    fn check(&mut self) {
        let status = self.store.status();
        let silence = self.world.lock().heard_at.elapsed();
        assert!(status.state != State::Live || silence <= DETECTION, "live after {silence:?} of silence");
        assert_eq!(status.digest, Some(self.store.snapshot().digest), "the status tells of another set");
        let violation = self.world.lock().violation.take();
        assert_eq!(violation, None);
        while let Some(change) = futures_now(self.changes.next()) {
            match change {
                Some(Change::ClusterChanged { .. }) => self.clusters_changed += 1,
                Some(_) => {}
                None => panic!("the store has stopped"),
            }
        }
        let back = self.observer.steps_back();
        assert!(
            back <= self.clusters_changed,
            "readers went back {back} times, told of {}",
            self.clusters_changed
        );
    }

    /// The faults stop; how long it takes, and whether only a read could tell.
    async fn converge(&mut self) -> (bool, Duration) {
        let (needs_a_read, mut limit) = {
            let mut weather = self.world.lock();
            weather.calm_down();
            (weather.needs_a_read, CONVERGENCE)
        };
        if needs_a_read {
            limit += VERIFICATION;
        }
        let began = Instant::now();
        while !self.is_up_to_date() {
            assert!(began.elapsed() <= limit, "has not converged {limit:?} after the faults have stopped");
            self.pass(Duration::from_millis(50)).await;
        }
        let took = began.elapsed();
        // What died before the calm is noticed by now, and whatever was amiss is mended.
        self.pass(limit).await;
        assert!(self.is_up_to_date(), "has converged and lost it again");
        self.world.lock().needs_a_read = false;
        (needs_a_read, took)
    }

    /// In calm weather each change is seen at once, and nothing breaks.
    async fn hear_of_changes(&mut self) {
        let before = self.store.status();
        for _ in 0..10 {
            self.pass(Duration::from_secs(9)).await;
            self.world.lock().write(3);
            self.pass(Duration::from_millis(100)).await;
            assert!(self.is_up_to_date(), "is deaf to a change in calm weather");
        }
        let after = self.store.status();
        assert_eq!((before.reconnects, before.repairs), (after.reconnects, after.repairs), "in calm weather");
    }

    fn is_up_to_date(&self) -> bool {
        let status = self.store.status();
        status.state == State::Live && status.digest == Some(self.world.lock().cluster.digest())
    }

    /// With the last handle everything goes.
    async fn end(self) {
        drop((self.store, self.changes));
        let began = Instant::now();
        while Handle::current().metrics().num_alive_tasks() > 0 {
            assert!(began.elapsed() <= FIVE_SECONDS, "something of the store is left");
            sleep(Duration::from_millis(1)).await;
        }
        let open = self.world.lock().open.take();
        assert!(open.is_none_or(|open| open.news.is_closed()), "a connection is left");
    }
}

/// What a future has to say now.
fn futures_now<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}
