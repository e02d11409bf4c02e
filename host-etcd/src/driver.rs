//! The only place that spawns and selects: it runs the watch over a backend ([`follow`]), and what comes of it into the
//! mirror, the sinks and the status.
//!
//! One task for each store. It ends when the last handle is dropped: with it go the connection, the watch and whatever
//! call is under way. A panic in it, wherever it comes from, costs one reconnect.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::oneshot;
use tracing::{Instrument, debug, debug_span, error, info, info_span, warn};

use crate::clock::Clock;
use crate::kv::{Connect, Key, KvError, KvUpdate, Listing, Revision};
use crate::mirror::{Outcome, Refusal, SharedMirror, Snapshot};
use crate::sink::Sink;
use crate::sink::disk::Writer;
use crate::status::{Board, Change, Status};
use crate::watch::{Config, Report};

mod calls;
mod follow;
mod outlet;
mod restart;
mod sinks;
mod start;

pub(crate) use follow::{Follower, follow};
pub(crate) use outlet::Outlet;
pub(crate) use restart::Fallback;
pub(crate) use start::{Start, StartFailure, Started};

/// What a store's task works with.
pub(crate) struct Parts {
    pub(crate) connect: Arc<dyn Connect>,
    pub(crate) config: Config,
    pub(crate) clock: Arc<Clock>,
    pub(crate) board: Arc<Board>,
    pub(crate) sinks: Vec<Arc<dyn Sink>>,
    /// Whether a malformed document ends the start.
    pub(crate) strict_start: bool,
    /// Empty, or as it was before a restart.
    pub(crate) mirror: SharedMirror,
    /// Where the store may start with that.
    pub(crate) fallback: Option<Fallback>,
    /// Writes the mirror down.
    pub(crate) writer: Option<Writer>,
    /// What the store is called in spans.
    pub(crate) name: String,
}

/// Spawns the task. It ends when the sender that belongs to `end` is dropped, and tells once how the start went.
///
/// Must be called within a Tokio runtime that has its time driver enabled.
pub(crate) fn spawn(parts: Parts, end: oneshot::Receiver<Infallible>) -> oneshot::Receiver<Started> {
    // Not the scope itself: a key may be named after a tenant.
    let span = info_span!("aldis_store", store = parts.name, scope = parts.config.scope.kind());
    let endpoints = parts.connect.endpoints().to_vec();
    let (start, started) = Start::new(endpoints.len());
    let driver = Driver {
        mirror: parts.mirror,
        is_in_force: false,
        at_hand: Vec::new(),
        fallback: parts.fallback,
        writer: parts.writer,
        outlet: Outlet::new(parts.sinks, Arc::clone(&parts.board)),
        clock: parts.clock,
        board: parts.board,
        endpoints,
        start,
        strict_start: parts.strict_start,
    };
    let ending = Ending::of(&driver.board);
    let run = async move {
        let _ending = ending;
        follow(parts.connect, parts.config, driver, end).await;
        info!("the store has ended");
    };
    tokio::spawn(run.instrument(span));
    started
}

struct Driver {
    mirror: SharedMirror,
    /// Whether what the mirror holds has been handed to the sinks; not yet if it is from before a restart, and perhaps
    /// not after a panic.
    is_in_force: bool,
    /// Transactions that go into one snapshot with the next.
    at_hand: Vec<(Revision, Vec<KvUpdate>)>,
    fallback: Option<Fallback>,
    writer: Option<Writer>,
    outlet: Outlet,
    clock: Arc<Clock>,
    board: Arc<Board>,
    endpoints: Vec<String>,
    start: Start,
    strict_start: bool,
}

/// Tells the status that the task has ended, however it ended.
pub(crate) struct Ending(Arc<Board>);

impl Ending {
    pub(crate) fn of(board: &Arc<Board>) -> Self {
        Self(Arc::clone(board))
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.stopped();
    }
}

impl Follower for Driver {
    async fn replace(&mut self, listing: Listing) {
        let cluster_id = listing.header.cluster_id;
        let revision = listing.header.revision;
        self.board.update(|status| status.cluster_id = Some(cluster_id));
        let mut outcome = self.mirror.lock().replace(listing, self.clock.moment());
        if !self.is_in_force {
            outcome.snapshot = outcome.snapshot.or_else(|| self.mirror.lock().snapshot().cloned());
        }
        self.publish(outcome);
        self.keep_confirmed(revision);
        self.started();
    }

    async fn change(&mut self, revision: Revision, events: Vec<KvUpdate>, more: bool) {
        let count = events.len();
        self.at_hand.push((revision, events));
        if !more {
            let transactions = std::mem::take(&mut self.at_hand);
            let outcome = self.mirror.lock().changes(transactions, self.clock.moment());
            self.publish(outcome);
        }
        self.board.delivered(count);
    }

    async fn verify(&mut self, listing: Listing, later: BTreeSet<Key>) -> usize {
        let compare = || self.mirror.lock().verify(listing, &later, self.clock.moment());
        let outcome = debug_span!("aldis_verify").in_scope(compare);
        let repaired = outcome.repaired;
        self.publish(outcome);
        self.on_verified(repaired);
        repaired
    }

    fn confirmed(&mut self, revision: Revision) {
        self.board.confirmed(revision);
        self.keep_confirmed(revision);
    }

    fn before_waiting(&mut self) {
        self.outlet.sweep();
        if self.is_in_force {
            let outcome = self.mirror.lock().catch_up(self.clock.moment());
            if outcome.snapshot.is_some() {
                self.publish(outcome);
            }
        }
    }

    fn panicked(&mut self) {
        self.at_hand.clear();
        self.is_in_force = false;
        self.board.update(|status| status.panics += 1);
        error!("the store's task panicked and goes on with a fresh list");
    }

    /// The status first: what is told of it goes to code that is not ours.
    fn tell(&mut self, report: Report) {
        match report {
            Report::Live => {
                self.board.live();
                info!("live");
            }
            Report::Stale { cause, .. } => {
                self.board.stale(cause.to_string());
                warn!(%cause, "stale: the connection is lost, what was in force stays");
            }
            Report::Reconnecting { endpoint, cause, delay } => {
                self.on_endpoint_failed(endpoint, cause, delay);
            }
            Report::Connected { endpoint } => {
                let endpoint = self.name(endpoint);
                self.board.update(|status| status.endpoint = Some(endpoint.clone()));
                debug!(endpoint, "connected");
            }
            Report::Canceled { compacted, reason } => {
                self.board.update(|status| status.cancels += 1);
                info!(?compacted, reason, "the server ended the watch");
            }
            Report::ClusterChanged { from, to } => {
                self.board.cluster_changed(from, to);
                warn!(?from, ?to, "the cluster was restored, wiped or replaced; following its present state");
            }
            Report::Unverified { cause } => {
                self.board.update(|status| status.last_error = Some(cause.to_string()));
                info!(%cause, "a verifying read failed; the watch goes on");
            }
        }
    }
}

impl Driver {
    /// Puts what a step came to in force, then tells of it: whoever hears of a snapshot can read it.
    fn publish(&mut self, outcome: Outcome) {
        let Outcome { snapshot, refused, is_news, .. } = outcome;
        if snapshot.is_some() || is_news {
            // First: whoever sees a snapshot and drops the store leaves it on disk.
            self.keep();
        }
        let made_at = snapshot.as_ref().map(|snapshot| snapshot.revision);
        let is_earlier =
            |(_, refusal): &(Key, Refusal)| made_at.is_some_and(|made_at| refusal.revision < made_at);
        let (earlier, refused): (Vec<_>, Vec<_>) = refused.into_iter().partition(is_earlier);
        if !earlier.is_empty() {
            self.tell_refusals(earlier);
        }
        if let Some(snapshot) = snapshot {
            self.put_in_force(&snapshot);
        }
        self.tell_refusals(refused);
    }

    fn tell_refusals(&self, refused: Vec<(Key, Refusal)>) {
        // Not the keys: they may be named after tenants. The status shows them.
        let told: Vec<Refusal> = refused.iter().map(|(_, refusal)| refusal.clone()).collect();
        self.board.refused(self.refusals(), refused);
        for Refusal { revision, cause } in told {
            warn!(%revision, %cause, "refused a document, its last good one stays");
        }
    }

    fn put_in_force(&mut self, snapshot: &Arc<Snapshot>) {
        self.is_in_force = true;
        self.outlet.put_in_force(snapshot);
    }

    fn on_verified(&mut self, repaired: usize) {
        if repaired == 0 {
            return debug!("verified by a read");
        }
        let count = u64::try_from(repaired).unwrap_or(u64::MAX);
        let repairs = |status: &mut Status| status.repairs = status.repairs.saturating_add(count);
        self.board.change(Change::Repaired { keys: repaired }, repairs);
        warn!(keys = repaired, "a verifying read found a difference and repaired it");
    }

    fn started(&mut self) {
        let first_refusal = self.refusals().pop_first().filter(|_| self.strict_start);
        self.start.tell(match first_refusal {
            Some((key, refusal)) => Err(StartFailure::Refused(key, refusal)),
            None => Ok(()),
        });
    }

    fn refusals(&self) -> BTreeMap<Key, Refusal> {
        let mirror = self.mirror.lock();
        mirror.refusals().map(|(key, refusal)| (key.clone(), refusal.clone())).collect()
    }

    fn on_endpoint_failed(&mut self, endpoint: usize, cause: KvError, delay: std::time::Duration) {
        let (name, text) = (self.name(endpoint), cause.to_string());
        let change = Change::Reconnecting { endpoint: name.clone(), cause: text.clone(), delay };
        self.board.change(change, |status| {
            status.reconnects = status.reconnects.saturating_add(1);
            status.last_error = Some(text.clone());
        });
        info!(endpoint = name, %cause, ?delay, "reconnecting");
        match self.fallback.take_if(|_| self.start.fails_with(endpoint)) {
            Some(fallback) => self.start_from_disk(fallback, text),
            None => self.start.endpoint_failed(endpoint, &cause),
        }
    }

    fn name(&self, endpoint: usize) -> String {
        self.endpoints.get(endpoint).cloned().unwrap_or_default()
    }
}
