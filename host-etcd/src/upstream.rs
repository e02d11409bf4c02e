//! Follows a relay in place of etcd, so that relays can stand in tiers and proxies behind them.
//!
//! The relay is asked for its image, each time for another one than the last, and holds the answer back until there is one
//! or a few seconds are over: so news comes at once, and silence is noticed. What it says is what is in force here, with
//! its revision and its digest; lifetimes are absolute already and by the wall clock, so a tier moves none.
//!
//! Of several relays one is followed, and the next when it fails. One of them may be behind: a revision below what is in
//! force is taken for that, and followed only if it is the answer of relays that are live for long enough. A relay that is
//! itself cut off takes nothing back.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use http::HeaderValue;
use tokio::sync::oneshot;
use tracing::{Instrument, error, info, info_span, warn};

use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::driver::{Ending, Outlet, Start, Started};
use crate::kv::{Header, KvError, Revision};
use crate::status::{Board, Change, State};
use crate::wire::UNKNOWN_CLUSTER;

mod answer;
mod doubt;
mod exchange;
mod target;
mod translation;

use answer::{Answer, nonsense};
use doubt::{Doubt, Opinion};
use exchange::Exchange;
use target::Target;
use translation::Translation;

pub(crate) use target::Targets;

/// Delays between rounds over the relays that all failed.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// After so long without a failure the delays start over.
const HEALTHY_AFTER: Duration = Duration::from_secs(30);

/// Between two questions of which the first brought nothing new. A relay that does not hold its answers back is not asked
/// more often, nor one that is in doubt.
const PACE: Duration = Duration::from_millis(250);

/// What the task of a store over relays works with.
pub(crate) struct Parts {
    pub(crate) targets: Targets,
    pub(crate) outlet: Outlet,
    pub(crate) board: Arc<Board>,
    pub(crate) clock: Arc<Clock>,
    /// For the start over all relays, and then for any connection.
    pub(crate) connect_timeout: Duration,
    /// How long an answer is held back if there is no news, and how long after that it may be missing.
    pub(crate) wait: Duration,
    pub(crate) grace: Duration,
    /// What the store is called in spans.
    pub(crate) name: String,
}

/// Spawns the task. It ends when the sender that belongs to `end` is dropped, and tells once how the start went.
///
/// Must be called within a Tokio runtime that has its I/O and time drivers enabled.
pub(crate) fn spawn(parts: Parts, mut end: oneshot::Receiver<Infallible>) -> oneshot::Receiver<Started> {
    let span = info_span!("aldis_store", store = parts.name, scope = "relay");
    let (start, started) = Start::new(parts.targets.len());
    let follower = Follower {
        backoff: Backoff::new(RETRY.0, RETRY.1, fastrand::u64(..)),
        exchange: None,
        held: None,
        doubt: Doubt::default(),
        translation: Translation::default(),
        endpoint: 0,
        failed_in_round: 0,
        healthy_since: None,
        is_live: false,
        start,
        parts,
    };
    let ending = Ending::of(&follower.parts.board);
    let run = async move {
        let _ending = ending;
        let following = pin!(follower.run());
        // Either ends only with the store.
        futures_util::future::select(following, &mut end).await;
        info!("the store has ended");
    };
    tokio::spawn(run.instrument(span));
    started
}

struct Follower {
    parts: Parts,
    start: Start,
    exchange: Option<Exchange>,
    /// What is in force: its entity tag, and where it stands.
    held: Option<(HeaderValue, Header)>,
    doubt: Doubt,
    translation: Translation,
    endpoint: usize,
    failed_in_round: usize,
    healthy_since: Option<Instant>,
    is_live: bool,
    backoff: Backoff,
}

impl Follower {
    async fn run(mut self) -> Infallible {
        loop {
            match AssertUnwindSafe(self.step()).catch_unwind().await {
                Ok(Ok(())) => {}
                Ok(Err(cause)) => self.failed(cause).await,
                Err(_) => {
                    self.exchange = None;
                    self.parts.board.update(|status| status.panics += 1);
                    error!("the store's task panicked and goes on with a new connection");
                }
            }
        }
    }

    /// One question and its answer. While the store starts, a relay has its share of the time for both.
    async fn step(&mut self) -> Result<(), KvError> {
        if let Some(nearer) = self.translation.catch_up(self.parts.clock.lead()) {
            self.parts.outlet.put_in_force(&nearer);
        }
        let (wait, limit) = (self.parts.wait, self.parts.wait.saturating_add(self.parts.grace));
        let etag = self.held.as_ref().map(|(etag, _)| etag.clone());
        let (begun, share) = (Instant::now(), self.share());
        let exchange = self.connected().await?;
        let in_all = match share {
            Some(share) => share.saturating_sub(begun.elapsed()),
            None => limit.saturating_mul(2),
        };
        let asked = Instant::now();
        let answer = exchange.image(etag.as_ref(), wait, limit.min(in_all), in_all).await?;
        let is_news = self.take(answer)?;
        self.start.tell(Ok(()));
        if !is_news {
            tokio::time::sleep(PACE.min(wait).saturating_sub(asked.elapsed())).await;
        }
        Ok(())
    }

    async fn connected(&mut self) -> Result<&mut Exchange, KvError> {
        let exchange = match self.exchange.take() {
            Some(exchange) if exchange.is_open() => exchange,
            _ => {
                let target = self.target();
                let exchange =
                    Exchange::connect(&target, self.share().unwrap_or(self.parts.connect_timeout)).await?;
                self.parts.board.update(|status| status.endpoint = Some(target.name().to_owned()));
                exchange
            }
        };
        Ok(self.exchange.insert(exchange))
    }

    /// Whether the answer brought something new.
    fn take(&mut self, answer: Answer) -> Result<bool, KvError> {
        let stands = self.held.as_ref().map(|(_, header)| *header);
        match answer {
            Answer::Image { etag, header, snapshot, state } if !self.has(&etag) => {
                match (self.doubt.of(stands, header, state == State::Live, Instant::now()), stands) {
                    (Opinion::Doubted, _) => return Ok(false),
                    (Opinion::PassedOver, _) => {
                        return Err(nonsense("it is behind, or of another cluster and cut off"));
                    }
                    (Opinion::BelievedAtLast, Some(stands)) => {
                        self.parts.board.cluster_changed(stands, header);
                        warn!(from = ?stands, to = ?header, "the relay is behind, or of another cluster; following it");
                    }
                    (Opinion::Believed | Opinion::BelievedAtLast, _) => {}
                }
                self.tell_cluster(header.cluster_id);
                self.held = Some((etag, header));
                let snapshot = self.translation.of(snapshot, self.parts.clock.lead());
                self.parts.outlet.put_in_force(&snapshot);
                self.confirmed(state);
                Ok(true)
            }
            Answer::Same { .. } if stands.is_none() => {
                Err(nonsense("it has nothing new, and nothing was had before"))
            }
            Answer::Same { header, state } | Answer::Image { header, state, .. } => {
                self.doubt.dispelled();
                self.learn_cluster(header.cluster_id);
                let was_live = self.is_live;
                self.confirmed(state);
                Ok(self.is_live != was_live)
            }
        }
    }

    /// A relay that began from its disk knows of its cluster later.
    fn learn_cluster(&mut self, cluster_id: u64) {
        if let Some((_, held)) = self.held.as_mut().filter(|(_, held)| held.cluster_id == UNKNOWN_CLUSTER) {
            held.cluster_id = cluster_id;
            self.tell_cluster(cluster_id);
        }
    }

    fn tell_cluster(&self, cluster_id: u64) {
        let known = Some(cluster_id).filter(|cluster_id| *cluster_id != UNKNOWN_CLUSTER);
        self.parts.board.update(|status| status.cluster_id = known);
    }

    fn has(&self, etag: &HeaderValue) -> bool {
        self.held.as_ref().is_some_and(|(held, _)| held == etag)
    }

    /// The relay has answered: what is in force is what it has. Whether its source confirms that is another question.
    fn confirmed(&mut self, state: State) {
        self.failed_in_round = 0;
        let since = *self.healthy_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= HEALTHY_AFTER {
            self.backoff.reset();
        }
        self.parts.outlet.sweep();
        match state {
            State::Live => {
                let revision = self.held.as_ref().map_or(Revision::ZERO, |(_, header)| header.revision);
                self.parts.board.confirmed(revision);
                if !std::mem::replace(&mut self.is_live, true) {
                    self.parts.board.live();
                    info!("live");
                }
            }
            _ => self.stale("the relay itself is cut off from its source".to_owned()),
        }
    }

    fn stale(&mut self, cause: String) {
        let status = self.parts.board.status().state;
        if std::mem::take(&mut self.is_live) || (status == State::Starting && self.held.is_some()) {
            warn!(cause, "stale: what was in force stays");
            self.parts.board.stale(cause);
        }
    }

    async fn failed(&mut self, cause: KvError) {
        self.exchange = None;
        self.healthy_since = None;
        self.failed_in_round += 1;
        let delay = match self.failed_in_round >= self.parts.targets.len() {
            true => self.backoff.next_delay(),
            // Somebody waits for the start, and nobody has been asked twice.
            false if self.start.is_open() => Duration::ZERO,
            false => self.backoff.jitter(RETRY.0),
        };
        let failed = self.endpoint;
        self.stale(cause.to_string());
        self.tell_failure(&cause, delay);
        self.endpoint = (failed + 1) % self.parts.targets.len();
        if self.failed_in_round >= self.parts.targets.len() {
            self.failed_in_round = 0;
        }
        self.start.endpoint_failed(failed, &cause);
        tokio::time::sleep(delay).await;
    }

    fn tell_failure(&self, cause: &KvError, delay: Duration) {
        let (endpoint, cause) = (self.target().name().to_owned(), cause.to_string());
        info!(endpoint, cause, ?delay, "reconnecting");
        let change = Change::Reconnecting { endpoint, cause: cause.clone(), delay };
        self.parts.board.change(change, |status| {
            status.reconnects = status.reconnects.saturating_add(1);
            status.last_error = Some(cause.clone());
        });
    }

    fn target(&self) -> Target {
        self.parts.targets.at(self.endpoint)
    }

    /// While the store starts, each relay has its share of the time, and a little is left to tell how it went.
    fn share(&self) -> Option<Duration> {
        let relays = u32::try_from(self.parts.targets.len()).unwrap_or(u32::MAX).max(1);
        self.start.is_open().then(|| self.parts.connect_timeout / 10 * 9 / relays)
    }
}
