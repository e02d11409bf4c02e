//! The only place that spawns and selects: it runs the watch over a backend, and what comes of it into the mirror, the
//! sinks and the status.
//!
//! One task for each store. It ends when the last handle is dropped: with it go the connection, the watch and whatever
//! call is under way. A panic in it, wherever it comes from, costs one reconnect.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use tokio::sync::oneshot;
use tracing::{Instrument, debug, error, info, info_span, warn};

use crate::clock::Clock;
use crate::kv::{Connect, Key, KvError};
use crate::mirror::{Mirror, Outcome, Refusal, Snapshot};
use crate::sink::Sink;
use crate::status::{Board, Change};
use crate::watch::{Config, Input, Output, Report, Watch};

mod calls;
mod sinks;

use calls::Calls;
use sinks::Sinks;

/// What a store's task works with.
pub(crate) struct Parts {
    pub(crate) connect: Arc<dyn Connect>,
    pub(crate) config: Config,
    pub(crate) clock: Arc<Clock>,
    pub(crate) board: Arc<Board>,
    pub(crate) sinks: Vec<Arc<dyn Sink>>,
    /// Whether a malformed document ends the start.
    pub(crate) strict_start: bool,
}

/// How the start went.
pub(crate) type Started = Result<(), StartFailure>;

/// Why the start failed.
#[derive(Debug)]
pub(crate) enum StartFailure {
    /// Every endpoint failed, for this reason each.
    Unreachable(BTreeMap<usize, KvError>),
    /// A document is malformed, and the start is strict.
    Refused(Key, Refusal),
}

/// Spawns the task. It ends when the sender that belongs to `end` is dropped, and tells once how the start went.
///
/// Must be called within a Tokio runtime that has its time driver enabled.
pub(crate) fn spawn(parts: Parts, end: oneshot::Receiver<Infallible>) -> oneshot::Receiver<Started> {
    let (sender, started) = oneshot::channel();
    let driver = Driver::new(parts, sender);
    tokio::spawn(driver.run(end).instrument(info_span!("aldis_store")));
    started
}

struct Driver {
    watch: Watch,
    calls: Calls,
    mirror: Mirror,
    sinks: Sinks,
    clock: Arc<Clock>,
    board: Arc<Board>,
    endpoints: Vec<String>,
    start: Option<Start>,
}

/// The start, until it has been told how it went.
struct Start {
    sender: oneshot::Sender<Started>,
    failures: BTreeMap<usize, KvError>,
    strict: bool,
}

/// Tells the status that the task has ended, however it ended.
struct Ending(Arc<Board>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.stopped();
    }
}

impl Driver {
    fn new(parts: Parts, sender: oneshot::Sender<Started>) -> Self {
        let scope = parts.config.scope.clone();
        Self {
            watch: Watch::new(parts.config, now()),
            endpoints: parts.connect.endpoints().to_vec(),
            calls: Calls::new(parts.connect, scope),
            mirror: Mirror::new(),
            sinks: Sinks::new(parts.sinks),
            clock: parts.clock,
            board: parts.board,
            start: Some(Start { sender, failures: BTreeMap::new(), strict: parts.strict_start }),
        }
    }

    async fn run(mut self, mut end: oneshot::Receiver<Infallible>) {
        let _ending = Ending(Arc::clone(&self.board));
        loop {
            // State that a panic left half changed is dropped or listed anew.
            let step = AssertUnwindSafe(self.step()).catch_unwind();
            tokio::select! {
                biased;
                _ = &mut end => break,
                caught = step => {
                    if caught.is_err() {
                        self.recover();
                    }
                }
            }
        }
        info!("the store has ended");
    }

    async fn step(&mut self) {
        while let Some(output) = self.watch.poll_output() {
            self.act(output).await;
        }
        self.sinks.sweep();
        let deadline = tokio::time::Instant::from_std(self.watch.deadline());
        let input = tokio::select! {
            // After a pause of the process both are ready, and what the server has said counts first.
            biased;
            input = self.calls.next() => input,
            () = tokio::time::sleep_until(deadline) => Input::TimerFired,
        };
        self.watch.handle(input, now());
    }

    fn recover(&mut self) {
        error!("the store's task panicked and goes on with a fresh list");
        self.board.update(|status| status.panics += 1);
        self.calls.close();
        self.watch.handle(Input::Panicked, now());
    }

    async fn act(&mut self, output: Output) {
        match output {
            Output::Connect { endpoint } => self.calls.connect(endpoint),
            Output::Head => self.calls.head(),
            Output::List => self.calls.list(),
            Output::OpenWatch { from } => self.calls.open_watch(from),
            Output::RequestProgress => {
                if let Some(failed) = self.calls.request_progress().await {
                    self.watch.handle(failed, now());
                }
            }
            Output::CloseWatch => self.calls.close_watch(),
            Output::Close => self.calls.close(),
            Output::Replace(listing) => {
                let cluster_id = listing.header.cluster_id;
                self.board.update(|status| status.cluster_id = Some(cluster_id));
                let outcome = self.mirror.replace(listing, self.clock.moment());
                self.publish(outcome);
                self.started();
            }
            Output::Change { revision, events } => {
                let outcome = self.mirror.change(revision, events, self.clock.moment());
                self.publish(outcome);
            }
            Output::Verify { listing, later } => {
                let outcome = self.mirror.verify(listing, &later, self.clock.moment());
                self.on_verified(outcome.repaired);
                self.publish(outcome);
            }
            Output::Confirmed { revision } => self.board.confirmed(revision),
            Output::Report(report) => self.tell(report),
        }
    }

    /// Puts what a step came to in force, then tells of it: whoever hears of a snapshot can read it.
    fn publish(&mut self, outcome: Outcome) {
        let Outcome { snapshot, refused, .. } = outcome;
        if let Some(snapshot) = snapshot {
            self.put_in_force(&snapshot);
        }
        for (_, refusal) in &refused {
            // Not the key: it may be named after a tenant. The status shows it.
            warn!(revision = %refusal.revision, cause = %refusal.cause, "refused a document, its last good one stays");
        }
        let all = self.mirror.refusals().map(|(key, refusal)| (key.clone(), refusal.clone())).collect();
        self.board.refused(all, refused);
    }

    fn put_in_force(&mut self, snapshot: &Arc<Snapshot>) {
        let failures = self.sinks.apply(snapshot);
        for (name, cause) in &failures {
            error!(sink = name, %cause, revision = %snapshot.revision, "a sink did not take the snapshot");
        }
        let failed = u64::try_from(failures.len()).unwrap_or(u64::MAX);
        self.board.update(|status| status.sink_failures = status.sink_failures.saturating_add(failed));
        self.board.applied(snapshot);
        let (revision, digest) = (snapshot.revision, snapshot.digest);
        info!(%revision, %digest, directives = snapshot.set.len(), "applied");
    }

    fn on_verified(&mut self, repaired: usize) {
        if repaired == 0 {
            return debug!("verified by a read");
        }
        warn!(keys = repaired, "a verifying read found a difference and repaired it");
        let count = u64::try_from(repaired).unwrap_or(u64::MAX);
        let repairs =
            |status: &mut crate::status::Status| status.repairs = status.repairs.saturating_add(count);
        self.board.change(Change::Repaired { keys: repaired }, repairs);
        self.watch.handle(Input::Diverged, now());
    }

    fn started(&mut self) {
        let Some(start) = self.start.take() else { return };
        let first_refusal = self.mirror.refusals().next().filter(|_| start.strict);
        let started = match first_refusal {
            Some((key, refusal)) => Err(StartFailure::Refused(key.clone(), refusal.clone())),
            None => Ok(()),
        };
        // Nobody waits any more if the start was abandoned; then the handle is gone, too.
        let _abandoned = start.sender.send(started);
    }

    fn tell(&mut self, report: Report) {
        match report {
            Report::Live => {
                info!("live");
                self.board.live();
            }
            Report::Stale { cause, .. } => {
                warn!(%cause, "stale: the connection is lost, what was in force stays");
                self.board.stale(cause.to_string());
            }
            Report::Reconnecting { endpoint, cause, delay } => {
                self.on_endpoint_failed(endpoint, cause, delay);
            }
            Report::Connected { endpoint } => {
                let endpoint = self.name(endpoint);
                debug!(endpoint, "connected");
                self.board.update(|status| status.endpoint = Some(endpoint));
            }
            Report::Canceled { compacted, reason } => {
                info!(?compacted, reason, "the server ended the watch");
                self.board.update(|status| status.cancels += 1);
            }
            Report::ClusterChanged { from, to } => {
                warn!(?from, ?to, "the cluster was restored, wiped or replaced; following its present state");
                self.board.change(Change::ClusterChanged { from, to }, |_| {});
            }
            Report::Unverified { cause } => {
                info!(%cause, "a verifying read failed; the watch goes on");
                self.board.update(|status| status.last_error = Some(cause.to_string()));
            }
        }
    }

    fn on_endpoint_failed(&mut self, endpoint: usize, cause: KvError, delay: std::time::Duration) {
        let name = self.name(endpoint);
        info!(endpoint = name, %cause, ?delay, "reconnecting");
        let text = cause.to_string();
        self.board.change(Change::Reconnecting { endpoint: name, cause: text.clone(), delay }, |status| {
            status.reconnects = status.reconnects.saturating_add(1);
            status.last_error = Some(text);
        });
        let Some(mut start) = self.start.take() else { return };
        start.failures.insert(endpoint, cause);
        match start.failures.len() < self.endpoints.len() {
            true => self.start = Some(start),
            false => {
                let _abandoned = start.sender.send(Err(StartFailure::Unreachable(start.failures)));
            }
        }
    }

    fn name(&self, endpoint: usize) -> String {
        self.endpoints.get(endpoint).cloned().unwrap_or_default()
    }
}

/// The runtime's time: under test it may be virtual.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
