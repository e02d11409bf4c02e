//! The watch as a pure state machine: no I/O, no clock, no tasks.
//!
//! Whoever drives it hands in what happened ([`Watch::handle`]) with the time, takes out what is to be done
//! ([`Watch::poll_output`]), and wakes it at its [`Watch::deadline`]. So every statement about the watch is tested as a
//! transition, and all of them together under a simulation with virtual time. The manner is that of quinn-proto.
//!
//! What holds, whatever the server and the link do:
//!
//! * **Complete start.** List at revision R, watch from R + 1. Events at or below what was delivered are dropped, so
//!   that nothing is applied twice.
//! * **Convergence.** After a reconnect the watch resumes behind the last delivered revision, if the server still has
//!   it; else the scope is listed anew and swaps in whole. A resumed watch cannot tell a restored cluster that has
//!   meanwhile overtaken it, so a verifying read follows within a second, and then about once a minute.
//! * **Never ahead of the server.** Before a resume the server is asked how far it has come: a watch from a future
//!   revision would be silent for ever.
//! * **No way back, and a way out.** Within one incarnation of the cluster the delivered revision never decreases. A
//!   server that is behind, or another cluster, is read again a few times and then believed.
//! * **Liveness.** Each call has a deadline. A standing watch is asked for its progress, and taken for dead if it falls
//!   silent. One that delivers and does not answer is behind, over a link that does not keep up; it stays, and is not
//!   called live. A cancel is acted on, though the stream that carried it may stay open.
//! * **Courtesy.** One endpoint at a time, in rotation; full jitter from the first retry on.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::kv::{Header, Key, KvError, KvUpdate, Listing, Revision, Scope, WatchMessage};

mod deadlines;
mod delivery;
mod machine;
mod rotation;
mod standing;
#[cfg(test)]
mod tests;

pub use machine::Watch;

/// What the watch is told once.
#[derive(Clone, Debug)]
pub struct Config {
    /// The keys that matter. Events and entries of others change nothing.
    pub scope: Scope,
    /// How many endpoints there are; at least one.
    pub endpoints: usize,
    /// Bound of the first round over all endpoints, connecting and listing. Later each endpoint has up to as long.
    pub connect_timeout: Duration,
    /// Bound of small calls: asking how far the server is, opening a watch.
    pub call_timeout: Duration,
    /// Bound of a whole list. A net below the backend's own deadline for each page, so it is generous; and it grows where
    /// lists take longer.
    pub list_timeout: Duration,
    /// How often a watch is asked for its progress, whatever it delivers meanwhile; 50 ms at least.
    pub heartbeat: Duration,
    /// How long a watch may say nothing before it is taken for dead; and not answer, though it delivers, before what it
    /// delivers confirms nothing any more. Twice the heartbeat at least.
    pub silence_limit: Duration,
    /// How often a standing watch is verified by a read; each time a quarter more or less; 50 ms at least.
    pub verify_every: Duration,
    /// Ceiling of the first retry's delay.
    pub retry_base: Duration,
    /// Ceiling of every retry's delay.
    pub retry_cap: Duration,
    /// How long a watch must have stood for the delays to start over.
    pub healthy_after: Duration,
    /// Seed of all jitter.
    pub seed: u64,
    /// What is held already, as after a restart. The scope is listed at the start all the same; a server that is behind
    /// this is read again before it is believed.
    pub held: Option<Header>,
}

impl Config {
    /// What suits a production cluster. The 800 ms of the first retry spread 150 instances so that about ten of them
    /// dial in any 50 ms.
    #[must_use]
    pub fn new(scope: Scope, endpoints: usize, seed: u64) -> Self {
        Self {
            scope,
            endpoints,
            connect_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(5),
            list_timeout: Duration::from_secs(60),
            heartbeat: Duration::from_secs(3),
            silence_limit: Duration::from_secs(10),
            verify_every: Duration::from_secs(60),
            retry_base: Duration::from_millis(800),
            retry_cap: Duration::from_secs(10),
            healthy_after: Duration::from_secs(20),
            seed,
            held: None,
        }
    }

    /// The same, within what can be waited for, what is no busy loop, and what leaves an answer its time.
    fn bounded(mut self) -> Self {
        for longest in [
            &mut self.connect_timeout,
            &mut self.call_timeout,
            &mut self.list_timeout,
            &mut self.verify_every,
            &mut self.retry_base,
            &mut self.retry_cap,
            &mut self.healthy_after,
        ] {
            *longest = (*longest).min(LONGEST);
        }
        self.verify_every = self.verify_every.max(SHORTEST);
        (self.heartbeat, self.silence_limit) = bounded_heartbeat(self.heartbeat, self.silence_limit);
        self
    }
}

/// How often to ask, and how long an answer may be missing: no busy loop, and time for an answer.
pub(crate) fn bounded_heartbeat(ask_after: Duration, dead_after: Duration) -> (Duration, Duration) {
    let ask_after = ask_after.clamp(SHORTEST, LONGEST);
    (ask_after, dead_after.clamp(ask_after * 2, LONGEST * 2))
}

/// Never, to all ends: a point of time farther ahead might not be one.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// Between two questions.
const SHORTEST: Duration = Duration::from_millis(50);

/// What happened. Results belong to the call that is under way; after [`Output::Close`] nothing of the connection may
/// arrive any more, after [`Output::CloseWatch`] nothing of the watch.
#[derive(Clone, Debug)]
pub enum Input {
    /// The connection stands.
    Connected,
    /// The answer to [`Output::Head`].
    Head(Header),
    /// The answer to [`Output::List`].
    Listed(Listing),
    /// The call under way (connect, head, list, or opening the watch) failed.
    CallFailed(KvError),
    /// The watch said something.
    Message(WatchMessage),
    /// The watch's stream ended (`None`) or failed.
    StreamEnded(Option<KvError>),
    /// The deadline has come.
    TimerFired,
    /// [`Output::Verify`] found and repaired a difference: this watch has lost something.
    Diverged,
    /// Whoever drives the machine panicked: everything in flight is lost.
    Panicked,
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Connect to this endpoint.
    Connect {
        /// Its place in the configuration.
        endpoint: usize,
    },
    /// Ask how far the server is.
    Head,
    /// List the scope; beside the watch if one is open.
    List,
    /// Open a watch from this revision on.
    OpenWatch {
        /// The first revision of interest.
        from: Revision,
    },
    /// Ask the watch for its progress.
    RequestProgress,
    /// Drop the watch and any call under way, keep the connection.
    CloseWatch,
    /// Drop watch, calls and connection.
    Close,
    /// This is the scope now: it swaps in whole.
    Replace(Listing),
    /// One transaction changed this.
    Change {
        /// The transaction's revision.
        revision: Revision,
        /// All that it changed in the scope.
        events: Vec<KvUpdate>,
    },
    /// Compare with what is held, repair it, and say [`Input::Diverged`] if there was something to repair.
    Verify {
        /// The scope at its revision.
        listing: Listing,
        /// Keys that changed after the list's revision: the list says nothing about them.
        later: BTreeSet<Key>,
    },
    /// What is held is what the server has at this revision.
    Confirmed {
        /// The revision.
        revision: Revision,
    },
    /// Something to know.
    Report(Report),
}

/// What operators may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// What is held is confirmed by the server, and a watch is to keep it so.
    Live,
    /// Nothing confirms it any more: the connection is lost, or has not confirmed it for too long.
    Stale {
        /// When it was confirmed last.
        since: Instant,
        /// What happened.
        cause: KvError,
    },
    /// An endpoint failed; the next is tried after the delay.
    Reconnecting {
        /// The endpoint that failed.
        endpoint: usize,
        /// Why.
        cause: KvError,
        /// Until the next attempt.
        delay: Duration,
    },
    /// A connection stands.
    Connected {
        /// The endpoint.
        endpoint: usize,
    },
    /// The server ended the watch.
    Canceled {
        /// The oldest revision left, if the watch's was compacted away.
        compacted: Option<Revision>,
        /// What the server says.
        reason: String,
    },
    /// The cluster was restored, wiped or replaced; its present state is followed from here on.
    ClusterChanged {
        /// Cluster and revision that were held.
        from: Header,
        /// Cluster and revision that are believed now.
        to: Header,
    },
    /// A verifying read failed; the watch goes on.
    Unverified {
        /// Why.
        cause: KvError,
    },
}
