//! A reader that misses nothing: every snapshot is judged when it is put in force.

use std::sync::{Arc, Mutex};

use aldis_etcd::kv::Revision;
use aldis_etcd::{Sink, SinkError, Snapshot};

use crate::weather::Shared;

/// Judges what it is handed.
pub(crate) struct Observer {
    world: Shared,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    revision: Revision,
    /// How often the revision has gone back.
    steps_back: u64,
}

impl Observer {
    pub(crate) fn new(world: Shared) -> Arc<Self> {
        Arc::new(Self { world, seen: Mutex::default() })
    }

    pub(crate) fn steps_back(&self) -> u64 {
        self.seen.lock().expect("unbroken").steps_back
    }
}

impl Sink for Observer {
    fn name(&self) -> &'static str {
        "observer"
    }

    fn apply(&self, snapshot: &Arc<Snapshot>) -> Result<(), SinkError> {
        let (revision, digest) = (snapshot.revision, snapshot.digest);
        self.world.tell(&("in force", revision));
        let mut seen = self.seen.lock().expect("unbroken");
        seen.steps_back += u64::from(revision < seen.revision);
        seen.revision = revision;
        let mut weather = self.world.lock();
        if !weather.needs_a_read && !weather.cluster.was(revision, digest) {
            let what = format!("no server was ever in the state that readers see at {revision}");
            weather.violation.get_or_insert(what);
        }
        Ok(())
    }
}
