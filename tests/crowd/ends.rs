//! What is left of a store that is dropped: no task, no connection, nothing in etcd.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use aldis_etcd::{Builder, Decision, EtcdDirectiveStore, Request, State};
use rig::etcd::Etcd;
use rig::eventually_blocking;
use rig::link::{Blackhole, Link};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::etcd_view::Held;
use super::{KEY, builder, document, runtime};

/// What the contract allows from the last handle's end to that of everything.
const ENDED: Duration = Duration::from_secs(5);

/// How long it may take to notice a black hole, and a bit.
const NOTICED: Duration = Duration::from_secs(11);

const SOON: Duration = Duration::from_secs(5);

/// An etcd, a link to it, and a runtime whose tasks are all the store's.
struct Ground {
    etcd: Etcd,
    link: Link,
    runtime: Runtime,
    empty: Held,
}

impl Ground {
    fn new() -> Self {
        let etcd = Etcd::start();
        etcd.put(KEY, document("one", 0));
        let link = Link::to(etcd.address());
        let (runtime, empty) = (runtime(), Held::at_rest(&etcd));
        Self { etcd, link, runtime, empty }
    }

    fn builder(&self) -> Builder {
        builder(self.link.endpoint())
    }

    /// A store whose watch stands, by etcd's own account.
    fn store(&self) -> EtcdDirectiveStore {
        let store = self.runtime.block_on(self.builder().connect()).expect("etcd answers");
        eventually_blocking("etcd has its watch", SOON, || Held::of(&self.etcd).is_beyond(self.empty));
        store
    }

    fn tasks(&self) -> usize {
        self.runtime.handle().metrics().num_alive_tasks()
    }

    /// Everything is gone in time, counted from now.
    fn is_left_clean(&self, when: &str) {
        let dropped = Instant::now();
        eventually_blocking(&format!("{when}: no task is left"), ENDED, || self.tasks() == 0);
        // A black hole would hold back even the goodbye.
        self.link.pass();
        let left = || ENDED.saturating_sub(dropped.elapsed());
        eventually_blocking(&format!("{when}: no connection is left"), left(), || self.link.open() == 0);
        let nothing = || Held::of(&self.etcd).is_within(self.empty);
        eventually_blocking(&format!("{when}: etcd holds nothing for it"), left(), nothing);
        println!("{when}: gone after {:.1?}", dropped.elapsed());
    }
}

/// Given up after so many milliseconds, from before the first byte to after the last.
pub(crate) fn while_connecting() {
    let ground = Ground::new();
    ground.link.delay(Duration::from_millis(10));
    for millis in (0..150).step_by(6) {
        let start = async { timeout(Duration::from_millis(millis), ground.builder().connect()).await };
        // Where it has started after all, it is dropped here.
        drop(ground.runtime.block_on(start));
    }
    ground.is_left_clean("given up in 25 places");
}

pub(crate) fn while_connecting_into_silence() {
    let ground = Ground::new();
    ground.link.blackhole(Blackhole::Both);
    let start = async { timeout(Duration::from_millis(300), ground.builder().connect()).await };
    assert!(ground.runtime.block_on(start).is_err(), "nobody answers");
    ground.is_left_clean("given up in a black hole");
}

/// In the first list, and in a later one.
pub(crate) fn while_listing() {
    let ground = Ground::new();
    ground.etcd.put(KEY, document("one", 1 << 20));
    ground.link.throttle(100_000);
    let start = async { timeout(Duration::from_millis(1_500), ground.builder().connect()).await };
    assert!(ground.runtime.block_on(start).is_err(), "the list takes ten seconds");
    ground.is_left_clean("given up in the first list");

    let store = ground.store();
    ground.link.throttle(100_000);
    ground.etcd.put(KEY, document("two", 1 << 20));
    ground.etcd.compact();
    let before = ground.link.accepted();
    ground.link.close_existing();
    eventually_blocking("it connects again", SOON, || ground.link.accepted() > before);
    sleep(Duration::from_secs(2));
    assert_ne!(store.status().state, State::Live, "it lists");
    drop(store);
    ground.is_left_clean("dropped in a later list");
}

pub(crate) fn while_live() {
    let ground = Ground::new();
    let store = ground.store();
    let (clone, changes) = (store.clone(), store.changes());
    drop(store);
    assert!(ground.tasks() > 0, "a clone is a handle");
    drop(clone);
    ground.is_left_clean("dropped while live");
    // It kept nothing alive.
    drop(changes);
}

pub(crate) fn while_stale() {
    let ground = Ground::new();
    let store = ground.store();
    ground.link.blackhole(Blackhole::Both);
    eventually_blocking("it is stale", NOTICED, || store.status().state == State::Stale);
    let accepted = ground.link.accepted();
    eventually_blocking("it dials again", SOON, || ground.link.accepted() > accepted || accepted > 1);
    drop(store);
    ground.is_left_clean("dropped while stale");
}

/// Refused at once each time, it waits most of the time.
pub(crate) fn while_waiting() {
    let ground = Ground::new();
    let store = ground.store();
    ground.link.cut();
    eventually_blocking("it has tried some times", SOON * 2, || store.status().reconnects >= 4);
    drop(store);
    ground.is_left_clean("dropped between two attempts");
    let accepted = ground.link.accepted();
    sleep(Duration::from_secs(2));
    assert_eq!(ground.link.accepted(), accepted, "nobody dials any more");
}

pub(crate) fn with_readers() {
    let ground = Ground::new();
    let (store, over) = (ground.store(), Arc::new(AtomicBool::new(false)));
    let read = |mut reader: aldis_etcd::Reader, over: Arc<AtomicBool>| {
        move || {
            while !over.load(Ordering::Relaxed) {
                assert_ne!(reader.decide(&Request { tenant: Some("acme"), ..Request::EMPTY }), Decision::OFF);
                sleep(Duration::from_millis(1));
            }
        }
    };
    let threads: Vec<_> = (0..4).map(|_| thread::spawn(read(store.reader(), Arc::clone(&over)))).collect();
    drop(store);
    sleep(Duration::from_secs(1));
    assert!(ground.tasks() > 0 && ground.link.open() == 1, "a reader is a handle");
    over.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().expect("was on all the time");
    }
    ground.is_left_clean("dropped by the last reader");
}
