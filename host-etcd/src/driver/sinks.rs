//! The sinks in their order, and the snapshots that some reader may still hold.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::mirror::Snapshot;
use crate::sink::{Sink, SinkError};

/// The sinks of one store.
pub(super) struct Sinks {
    sinks: Vec<Arc<dyn Sink>>,
    present: Option<Arc<Snapshot>>,
    retired: Vec<Arc<Snapshot>>,
}

impl Sinks {
    pub(super) fn new(sinks: Vec<Arc<dyn Sink>>) -> Self {
        Self { sinks, present: None, retired: Vec::new() }
    }

    /// Hands the snapshot to each sink; which of them did not take it, and why.
    pub(super) fn apply(&mut self, snapshot: &Arc<Snapshot>) -> Vec<(&'static str, SinkError)> {
        let failures = self.sinks.iter().filter_map(|sink| {
            // One sink's panic is not to keep the snapshot from the others, nor to end the connection.
            let applied = catch_unwind(AssertUnwindSafe(|| sink.apply(snapshot)));
            let error = applied.unwrap_or_else(|_| Err(SinkError::new("it panicked"))).err()?;
            Some((sink.name(), error))
        });
        let failures = failures.collect();
        self.retired.extend(self.present.replace(Arc::clone(snapshot)));
        failures
    }

    /// Lets go of the retired snapshots that nobody else holds any more. Were they not kept until then, the last reader
    /// to let go would be a request's thread, and pay for freeing them.
    pub(super) fn sweep(&mut self) {
        self.retired
            .retain(|snapshot| Arc::strong_count(snapshot) > 1 || Arc::strong_count(&snapshot.set) > 1);
    }
}
