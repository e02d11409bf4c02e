//! How late this machine is: whether what was measured was the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(2);

/// Ticks on a thread of its own, and remembers the latest tick.
pub(crate) struct Stall {
    end: Arc<AtomicBool>,
    worst: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Stall {
    pub(crate) fn begin() -> Self {
        let (end, worst) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (over, latest) = (Arc::clone(&end), Arc::clone(&worst));
        let thread = thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let start = Instant::now();
                thread::sleep(TICK);
                let late = start.elapsed().saturating_sub(TICK).as_micros();
                latest.fetch_max(u64::try_from(late).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        });
        Self { end, worst, thread: Some(thread) }
    }

    /// How late the latest tick came.
    pub(crate) fn end(mut self) -> Duration {
        self.stop();
        Duration::from_micros(self.worst.load(Ordering::Relaxed))
    }

    fn stop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

impl Drop for Stall {
    fn drop(&mut self) {
        self.stop();
    }
}
