//! What a store knows about itself: its present status, and the stream of its changes.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use aldis_core::UnixMillis;
use tokio::sync::broadcast;

use crate::kv::{Header, Key, Revision};
use crate::mirror::{Digest, Refusal};

mod board;
mod readings;

pub(crate) use board::Board;

/// How fresh the store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It has not read its scope yet.
    Starting,
    /// The server confirms what is in force, and is asked every few seconds.
    Live,
    /// The connection is lost, or has not confirmed for too long that it keeps up. What was in force stays so until it
    /// expires.
    Stale,
    /// The store is gone; nothing will change any more.
    Stopped,
}

impl State {
    /// Its name: `starting`, `live`, `stale`, `stopped`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Live => "live",
            Self::Stale => "stale",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A store's status at one moment. Holds keys and names of fields, but no value of any document.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// How fresh it is.
    pub state: State,
    /// The revision of what is in force; `None` until the scope has been read.
    pub revision: Option<Revision>,
    /// The digest of what is in force; `None` until the scope has been read.
    pub digest: Option<Digest>,
    /// How many directives are in force, expired ones included.
    pub directives: usize,
    /// When the server last confirmed what is in force, in the store's time.
    pub last_confirmed: Option<UnixMillis>,
    /// Up to which of the server's revisions. It counts changes outside of the scope, too.
    pub confirmed_revision: Option<Revision>,
    /// How long ago that was, if the store is not live; `None` also if it has never been confirmed.
    pub stale_for: Option<Duration>,
    /// What is refused at present, and why.
    pub refused: BTreeMap<Key, Refusal>,
    /// How many attempts or connections have failed and were followed by another.
    pub reconnects: u64,
    /// How many watches the server has ended.
    pub cancels: u64,
    /// How many keys a verifying read has found different and repaired.
    pub repairs: u64,
    /// How many times the task has panicked and gone on.
    pub panics: u64,
    /// How many times a sink did not take a snapshot.
    pub sink_failures: u64,
    /// The cluster that is followed.
    pub cluster_id: Option<u64>,
    /// The endpoint that is connected, or was last.
    pub endpoint: Option<String>,
    /// The last failure, for people.
    pub last_error: Option<String>,
    /// Why the files of the state directory were not used at the start; `None` if they were, or if there are none.
    pub state_refused: Option<String>,
}

/// Something that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// A snapshot is in force.
    Applied {
        /// Its revision.
        revision: Revision,
        /// Its digest.
        digest: Digest,
        /// How many directives it holds, expired ones included.
        directives: usize,
    },
    /// A document was refused; its key's last good one stays in force.
    Refused {
        /// The key.
        key: Key,
        /// Revision and cause.
        refusal: Refusal,
    },
    /// The server confirms what is in force again, or for the first time.
    Live,
    /// The connection that confirmed what is in force is lost.
    Stale {
        /// When it was last confirmed, in the store's time.
        since: UnixMillis,
        /// What happened.
        cause: String,
    },
    /// An endpoint failed; the next is tried after the delay.
    Reconnecting {
        /// The endpoint that failed.
        endpoint: String,
        /// Why.
        cause: String,
        /// Until the next attempt.
        delay: Duration,
    },
    /// The cluster was restored, wiped or replaced; its present state is followed from here on.
    ClusterChanged {
        /// Cluster and revision that were followed.
        from: Header,
        /// Cluster and revision that are followed now.
        to: Header,
    },
    /// A verifying read found a difference and repaired it.
    Repaired {
        /// How many keys were different.
        keys: usize,
    },
    /// The subscriber was too slow and has missed this many changes: [`Changes::resync`] tells where things stand.
    Missed {
        /// How many.
        count: u64,
    },
}

/// A stream of changes, from a known status on.
#[derive(Debug)]
pub struct Changes {
    status: Status,
    board: std::sync::Weak<Board>,
    receiver: broadcast::Receiver<Change>,
}

impl Changes {
    /// The status from which the changes count: every change after it is in the stream, and none before it.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// The next change; `None` once the store has stopped. A subscriber that falls more than a thousand changes behind
    /// is told by [`Change::Missed`]. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Change> {
        match self.receiver.recv().await {
            Ok(change) => Some(change),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(Change::Missed { count }),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// Starts over from the present status, dropping what has not been taken yet; `None` if the store is gone.
    pub fn resync(&mut self) -> Option<&Status> {
        *self = self.board.upgrade()?.subscribe();
        Some(&self.status)
    }
}
