//! Where what is in force goes.

use std::sync::Arc;

use tracing::{error, info};

use super::sinks::Sinks;
use crate::mirror::Snapshot;
use crate::sink::Sink;
use crate::status::Board;

/// The sinks of a store and its status, in this order: whoever hears of a snapshot can read it.
pub(crate) struct Outlet {
    sinks: Sinks,
    board: Arc<Board>,
}

impl Outlet {
    pub(crate) fn new(sinks: Vec<Arc<dyn Sink>>, board: Arc<Board>) -> Self {
        Self { sinks: Sinks::new(sinks), board }
    }

    /// Hands the snapshot on, and tells of it.
    pub(crate) fn put_in_force(&mut self, snapshot: &Arc<Snapshot>) {
        let failures = self.sinks.apply(snapshot);
        let (revision, digest) = (snapshot.revision, snapshot.digest);
        self.board.applied(snapshot);
        for (name, cause) in &failures {
            self.board.sink_failed(name, cause);
            error!(sink = name, %cause, %revision, "a sink did not take the snapshot");
        }
        info!(%revision, %digest, directives = snapshot.set.len(), "applied");
    }

    /// Lets go of what no reader holds any more. To be called now and then.
    pub(crate) fn sweep(&mut self) {
        self.sinks.sweep();
    }
}
