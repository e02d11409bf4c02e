//! Where snapshots go: the native cache of this process, guests, disk.

use std::sync::Arc;

use crate::mirror::Snapshot;

pub(crate) mod disk;
#[cfg(feature = "guest-runtime")]
pub mod guest;
mod native;

pub use disk::StateError;
pub use native::{NativeCache, NativeReader};

/// Takes snapshots.
///
/// A store hands each sink every snapshot, in order, from its one task; sinks that are registered later in the builder
/// see it later.
pub trait Sink: Send + Sync {
    /// What it is called in logs; not per instance.
    fn name(&self) -> &'static str;

    /// Puts the snapshot in force. Runs on the store's task, so it must not block: milliseconds, no I/O that can hang.
    ///
    /// # Errors
    ///
    /// If the snapshot is not in force here. The sink keeps its last good one; the failure is logged and counted, and
    /// the other sinks go on.
    fn apply(&self, snapshot: &Arc<Snapshot>) -> Result<(), SinkError>;
}

/// Why a sink did not put a snapshot in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct SinkError {
    /// What went wrong.
    pub cause: String,
}

impl SinkError {
    /// A failure with this cause.
    pub fn new(cause: impl Into<String>) -> Self {
        Self { cause: cause.into() }
    }
}
