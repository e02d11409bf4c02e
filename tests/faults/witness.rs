//! Watching a store all the time: each snapshot as it comes into force, and what a reader decides by it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use aldis_etcd::{Change, EtcdDirectiveStore, Sink, SinkError, Snapshot, UnixMillis};
use tokio::runtime::Handle;

use super::story::{Judge, Sight, Story};

/// How long the reader sleeps between two looks. Dozens of cases share two processors.
const BLINK: Duration = Duration::from_millis(1);

/// The sink's half: it misses no snapshot, however short it lasts.
pub(crate) struct Recorder {
    story: Arc<Story>,
    judge: Mutex<Judge>,
}

impl Recorder {
    pub(crate) fn new(story: Arc<Story>) -> Arc<Self> {
        Arc::new(Self { story, judge: Mutex::default() })
    }

    fn judge(&self) -> MutexGuard<'_, Judge> {
        self.judge.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Recorder {
    fn name(&self) -> &'static str {
        "recorder"
    }

    fn apply(&self, snapshot: &Arc<Snapshot>) -> Result<(), SinkError> {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = UnixMillis::new(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX));
        self.judge().see(&self.story, Sight::of(snapshot, now));
        Ok(())
    }
}

/// Both halves. Keeps the store alive until it is dropped.
pub(crate) struct Witness {
    recorder: Arc<Recorder>,
    prober: Option<JoinHandle<Judge>>,
    end: Arc<AtomicBool>,
    cluster_changes: Arc<AtomicU32>,
}

impl Witness {
    pub(crate) fn of(store: &EtcdDirectiveStore, recorder: Arc<Recorder>, runtime: &Handle) -> Self {
        let (end, cluster_changes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let (mut changes, counter) = (store.changes(), Arc::clone(&cluster_changes));
        runtime.spawn(async move {
            while let Some(change) = changes.next().await {
                counter
                    .fetch_add(u32::from(matches!(change, Change::ClusterChanged { .. })), Ordering::SeqCst);
            }
        });
        let (mut reader, over, story) = (store.reader(), Arc::clone(&end), Arc::clone(&recorder.story));
        let prober = thread::spawn(move || {
            let mut judge = Judge::default();
            while !over.load(Ordering::Relaxed) {
                let now = reader.now();
                judge.see(&story, Sight::of(reader.snapshot(), now));
                thread::sleep(BLINK);
            }
            judge
        });
        Self { recorder, prober: Some(prober), end, cluster_changes }
    }

    /// How many changes of the cluster the store has reported.
    pub(crate) fn cluster_changes(&self) -> u32 {
        self.cluster_changes.load(Ordering::SeqCst)
    }

    /// Ends it: what was seen that must not be.
    pub(crate) fn end(mut self) -> Vec<String> {
        let probed = self.stop().unwrap_or_default();
        let recorded = std::mem::take(&mut *self.recorder.judge());
        let mut violations = Vec::new();
        for (who, judge) in [("a reader", probed), ("a sink", recorded)] {
            violations.extend(judge.violations.iter().map(|violation| format!("{who} saw {violation}")));
            if judge.decreases > self.cluster_changes() {
                violations.push(format!("{who} saw the revision decrease {} times", judge.decreases));
            }
            if judge.sights == 0 {
                violations.push(format!("{who} saw nothing at all"));
            }
        }
        violations
    }

    fn stop(&mut self) -> Option<Judge> {
        self.end.store(true, Ordering::Relaxed);
        self.prober.take()?.join().ok()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.stop();
    }
}
