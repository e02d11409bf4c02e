//! Those who watch a store all the time: one at each snapshot as it comes into force, one at what a reader decides by it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use aldis_etcd::{Change, EtcdDirectiveStore, Sink, SinkError, Snapshot, UnixMillis};
use rig::ordeal::{Ordeal, Sight, Witness};

/// How long the reader sleeps between two looks. Dozens of stores share two processors.
const BLINK: Duration = Duration::from_millis(1);

pub(crate) fn sight(snapshot: &Snapshot, now: UnixMillis) -> Sight {
    Sight::of(snapshot.revision.as_u64(), &snapshot.set, now)
}

/// The sink's half: it misses no snapshot, however short it lasts.
pub(crate) struct Recorder(Witness);

impl Recorder {
    pub(crate) fn of(ordeal: &Arc<Ordeal>) -> Self {
        Self(ordeal.witness("a sink"))
    }
}

impl Sink for Recorder {
    fn name(&self) -> &'static str {
        "recorder"
    }

    fn apply(&self, snapshot: &Arc<Snapshot>) -> Result<(), SinkError> {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = UnixMillis::new(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX));
        self.0.sees(sight(snapshot, now));
        Ok(())
    }
}

/// The reader's half: it misses nothing that lasts, also what changes by the clock alone. Dropping it ends it.
pub(crate) struct Prober {
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Prober {
    pub(crate) fn of(store: &EtcdDirectiveStore, ordeal: &Arc<Ordeal>) -> Self {
        let (witness, end) = (ordeal.witness("a reader"), Arc::<AtomicBool>::default());
        let (mut reader, over) = (store.reader(), Arc::clone(&end));
        let thread = thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let now = reader.now();
                witness.sees(sight(reader.snapshot(), now));
                thread::sleep(BLINK);
            }
        });
        Self { end, thread: Some(thread) }
    }

    /// Whether it still does; it might have panicked.
    pub(crate) fn looks(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// When the store told first that it has lost its connection. Whoever looks at its status may look late.
pub(crate) struct Losses(Arc<Mutex<Option<Instant>>>);

impl Losses {
    /// In the background of a runtime, as long as the store lives.
    pub(crate) fn of(store: &EtcdDirectiveStore) -> Self {
        let (mut changes, first) = (store.changes(), Arc::<Mutex<Option<Instant>>>::default());
        let told = Arc::clone(&first);
        tokio::spawn(async move {
            while let Some(change) = changes.next().await {
                if matches!(change, Change::Stale { .. } | Change::Reconnecting { .. }) {
                    told.lock().expect("unbroken").get_or_insert_with(Instant::now);
                }
            }
        });
        Self(first)
    }

    /// Before another fault.
    pub(crate) fn forget(&self) {
        *self.0.lock().expect("unbroken") = None;
    }

    pub(crate) fn first(&self) -> Option<Instant> {
        *self.0.lock().expect("unbroken")
    }
}

/// Tells of each change of the cluster that the store reports, as long as it lives; in the background of a runtime.
pub(crate) fn count_cluster_changes(store: &EtcdDirectiveStore, ordeal: &Arc<Ordeal>) {
    let (mut changes, ordeal) = (store.changes(), Arc::clone(ordeal));
    tokio::spawn(async move {
        while let Some(change) = changes.next().await {
            if matches!(change, Change::ClusterChanged { .. }) {
                ordeal.reports_another_cluster();
            }
        }
    });
}
