//! Followers that panic, and that take their time.

mod heap;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::kv::memory::MemoryKv;
use crate::kv::{Header, KvError, KvSource, KvWatch, KvWriter, Scope};

/// Panics where it is told to.
#[derive(Default)]
struct Clumsy {
    changes: bool,
    tells_of_panics: bool,
    waits: bool,
    takes: Duration,
    told: Arc<Mutex<Vec<Report>>>,
    lists: Arc<AtomicUsize>,
    waited: Arc<AtomicUsize>,
}

/// So often it may panic in a row before the test would not end.
const ENOUGH: usize = 1_000;

impl Follower for Clumsy {
    async fn replace(&mut self, _: Listing) {
        self.lists.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(self.takes).await;
    }

    async fn change(&mut self, _: Revision, _: Vec<KvUpdate>, _: bool) {
        assert!(!self.changes, "clumsy");
    }

    async fn verify(&mut self, _: Listing, _: BTreeSet<Key>) -> usize {
        0
    }

    fn confirmed(&mut self, _: Revision) {}

    fn tell(&mut self, report: Report) {
        self.told.lock().expect("whole").push(report);
    }

    fn before_waiting(&mut self) {
        let waited = self.waited.fetch_add(1, Ordering::Relaxed);
        assert!(!self.waits || waited >= ENOUGH, "clumsy");
    }

    fn panicked(&mut self) {
        assert!(!self.tells_of_panics, "clumsy");
    }
}

/// Follows for a minute, in which a key changes.
async fn follow_for_a_minute(follower: Clumsy) {
    let kv = MemoryKv::new();
    let (_alive, end) = oneshot::channel();
    let config = Config::new(Scope::parse("d/"), 1, 1);
    let task = tokio::spawn(follow(Arc::new(kv.clone()), config, follower, end));
    tokio::time::sleep(Duration::from_secs(1)).await;
    kv.put(&"d/a".into(), b"1").await.expect("put");
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert!(!task.is_finished(), "it goes on");
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_panics_also_when_it_is_told_so_costs_a_reconnect() {
    let clumsy = Clumsy { changes: true, tells_of_panics: true, ..Clumsy::default() };
    let lists = Arc::clone(&clumsy.lists);
    follow_for_a_minute(clumsy).await;
    assert_eq!(lists.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_panics_whenever_there_is_nothing_to_do_is_no_busy_loop() {
    let clumsy = Clumsy { waits: true, ..Clumsy::default() };
    let waited = Arc::clone(&clumsy.waited);
    follow_for_a_minute(clumsy).await;
    assert!((2..60).contains(&waited.load(Ordering::Relaxed)), "{waited:?}");
}

/// A backend that needs a moment for each answer.
struct Distant(MemoryKv);

#[async_trait]
impl Connect for Distant {
    fn endpoints(&self) -> &[String] {
        self.0.endpoints()
    }

    async fn connect(&self, _: usize) -> Result<Box<dyn KvSource>, KvError> {
        Ok(Box::new(Self(self.0.clone())))
    }
}

#[async_trait]
impl KvSource for Distant {
    async fn head(&self, scope: &Scope) -> Result<Header, KvError> {
        self.0.head(scope).await
    }

    async fn list(&self, scope: &Scope) -> Result<Listing, KvError> {
        self.0.list(scope).await
    }

    async fn watch(&self, scope: &Scope, from: Revision) -> Result<Box<dyn KvWatch>, KvError> {
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.0.watch(scope, from).await
    }
}

#[tokio::test(start_paused = true)]
async fn while_a_follower_takes_its_time_no_call_of_ours_expires() {
    let slow = Clumsy { takes: Duration::from_secs(60), ..Clumsy::default() };
    let told = Arc::clone(&slow.told);
    let (_alive, end) = oneshot::channel();
    let config = Config::new(Scope::parse("d/"), 1, 1);
    tokio::spawn(follow(Arc::new(Distant(MemoryKv::new())), config, slow, end));
    tokio::time::sleep(Duration::from_secs(90)).await;
    let told = told.lock().expect("whole");
    let failed = told.iter().find(|report| matches!(report, Report::Reconnecting { .. }));
    assert_eq!(failed, None);
}
