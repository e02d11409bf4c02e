//! The machine's wall clock steps by an hour, forward and back, while a store follows a real etcd.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime};

use aldis_etcd::clock::Readings;
use aldis_etcd::{Decision, EtcdDirectiveStore, Request, State};
use rig::etcd::{Etcd, Version};

use super::{KEY, SOON, builder, document_for, shows};

const HOUR_SECS: u64 = 3_600;
const HOUR: i64 = 3_600_000;

/// This machine's clocks, but for what somebody does to the wall clock.
struct Stepped {
    began: Instant,
    by: AtomicI64,
}

impl Readings for Stepped {
    fn monotonic(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).expect("not that long")
    }

    fn wall(&self) -> Option<u64> {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        u64::try_from(since_1970.as_millis()).ok()?.checked_add_signed(self.by.load(Ordering::SeqCst))
    }
}

struct Ground {
    etcd: Etcd,
    clock: Arc<Stepped>,
    store: EtcdDirectiveStore,
}

impl Ground {
    /// A store that shows a directive `long` of two hours and one, `short`, of ten minutes.
    async fn on(version: &Version) -> Self {
        let etcd = Etcd::builder().version(version).start();
        etcd.put(&format!("{KEY}/long"), document_for("long", 2 * HOUR_SECS));
        etcd.put(&format!("{KEY}/short"), document_for("short", 600));
        let clock = Arc::new(Stepped { began: Instant::now(), by: AtomicI64::new(0) });
        let readings = Arc::<Stepped>::clone(&clock);
        let builder = builder(&etcd.endpoint()).scope(&format!("{KEY}/")).readings(readings);
        let store = builder.connect().await.expect("etcd answers");
        let ground = Self { etcd, clock, store };
        assert_eq!(ground.on_of(["long", "short"]), [true, true], "{version}");
        ground
    }

    /// Steps the wall clock to so many milliseconds off the right time, and lets the store look at it.
    async fn step_to(&self, off: i64) {
        self.clock.by.store(off, Ordering::SeqCst);
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }

    /// Puts one more directive of ten minutes.
    async fn publish(&self, id: &str, shown: &str) {
        self.etcd.put(&format!("{KEY}/{id}"), document_for(id, 600));
        shows(&self.store, shown, SOON).await;
    }

    /// Which of them are on.
    fn on_of<const N: usize>(&self, ids: [&str; N]) -> [bool; N] {
        let mut reader = self.store.reader();
        ids.map(|id| reader.decide(&Request { tenant: Some(id), ..Request::EMPTY }) != Decision::OFF)
    }

    /// The step has cost nothing else.
    fn is_unharmed(&self) {
        let status = self.store.status();
        assert_eq!((status.state, status.reconnects, status.panics), (State::Live, 0, 0), "{status:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_forward_ends_what_it_reaches_and_nothing_comes_back_with_the_step_back() {
    for version in Etcd::available() {
        let ground = Ground::on(&version).await;
        ground.step_to(HOUR).await;
        assert_eq!(
            ground.on_of(["long", "short"]),
            [true, false],
            "{version}: an hour of two, and of ten minutes"
        );
        ground.publish("ahead", "ahead long short").await;
        assert_eq!(ground.on_of(["long", "short", "ahead"]), [true, false, true], "{version}: not deaf");
        ground.step_to(0).await;
        assert_eq!(ground.on_of(["long", "short", "ahead"]), [true, false, true], "{version}: no revival");
        ground.publish("right", "ahead long right short").await;
        assert_eq!(ground.on_of(["short", "right"]), [false, true], "{version}: not deaf");
        ground.is_unharmed();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_back_prolongs_nothing_and_the_step_forward_after_it_ends_nothing_early() {
    for version in Etcd::available() {
        let ground = Ground::on(&version).await;
        let before = ground.store.now();
        ground.step_to(-HOUR).await;
        assert!(ground.store.now() > before, "{version}: it never runs backwards");
        assert_eq!(ground.on_of(["long", "short"]), [true, true], "{version}");
        let end = ground.store.snapshot().set.latest_expiry();
        ground.publish("behind", "behind long short").await;
        assert_eq!(ground.on_of(["long", "short", "behind"]), [true, true, true], "{version}: not deaf");
        assert_eq!(ground.store.snapshot().set.latest_expiry(), end, "{version}: nothing lasts longer");
        ground.step_to(0).await;
        assert_eq!(ground.on_of(["long", "short", "behind"]), [true, true, true], "{version}");
        ground.is_unharmed();
    }
}
