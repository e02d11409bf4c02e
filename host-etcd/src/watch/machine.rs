//! The machine itself: phases, and how inputs move between them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::rotation::Rotation;
use super::standing::{Due, Standing, Verify};
use super::{Config, Input, Output, Report};
use crate::kv::{Header, KvError, KvEvent, Listing, Revision, WatchMessage};

/// How often a server that is behind is read again before it is believed. A member that lags catches up within these;
/// a cluster that was restored never does.
const REREADS: u32 = 3;

/// Between two of those.
const REREAD_EVERY: Duration = Duration::from_millis(250);

/// A resumed watch is verified within this.
const VERIFY_RESUMED_WITHIN: Duration = Duration::from_secs(5);

/// The watch. See the [module](super) for what it guarantees.
#[derive(Clone, Debug)]
pub struct Watch {
    config: Config,
    rotation: Rotation,
    phase: Phase,
    /// Cluster and revision that were delivered; what a watch resumes from.
    delivered: Option<Header>,
    /// The delivered revision cannot be resumed from.
    must_list: bool,
    /// How often the server has been found behind in a row.
    doubts: u32,
    /// Whether this connection has listed anew because its watch was cancelled: once is chance, twice a reason to leave.
    relisted: bool,
    attempt_started: Instant,
    live: bool,
    last_confirmed: Option<Instant>,
    outputs: VecDeque<Output>,
}

#[derive(Clone, Debug)]
enum Phase {
    /// Until the next attempt.
    Waiting { until: Instant },
    /// Connect is under way.
    Connecting { limit: Instant },
    /// Asking how far the server is, to resume.
    Probing { limit: Instant },
    /// Reading the whole scope.
    Listing { limit: Instant },
    /// The server is behind; it is read again then.
    Doubting { until: Instant },
    /// The watch is being opened; until it is acknowledged.
    Opening { limit: Instant, resumes: bool },
    /// The watch stands.
    Watching(Standing),
}

impl Watch {
    /// A watch that begins at once with the first endpoint.
    #[must_use]
    pub fn new(config: Config, now: Instant) -> Self {
        let rotation = Rotation::new(&config, now);
        let mut watch = Self {
            config,
            rotation,
            phase: Phase::Waiting { until: now },
            delivered: None,
            must_list: false,
            doubts: 0,
            relisted: false,
            attempt_started: now,
            live: false,
            last_confirmed: None,
            outputs: VecDeque::new(),
        };
        watch.expire(now);
        watch
    }

    /// The next thing to be done. To be asked until there is none, after each [`handle`](Self::handle).
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to hand in [`Input::TimerFired`], if nothing happens before. Earlier is harmless.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        match &self.phase {
            Phase::Waiting { until } | Phase::Doubting { until } => *until,
            Phase::Connecting { limit }
            | Phase::Probing { limit }
            | Phase::Listing { limit }
            | Phase::Opening { limit, .. } => *limit,
            Phase::Watching(standing) => standing.deadline(),
        }
    }

    /// The cluster and the revision up to which everything has been handed on.
    #[must_use]
    pub fn delivered(&self) -> Option<Header> {
        self.delivered
    }

    /// Takes in what happened. What does not belong to the present phase changes nothing.
    pub fn handle(&mut self, input: Input, now: Instant) {
        match input {
            Input::Connected => self.on_connected(now),
            Input::Head(header) => self.on_head(header, now),
            Input::Listed(listing) => self.on_listed(listing, now),
            Input::CallFailed(cause) => self.on_call_failed(cause, now),
            Input::Message(message) => self.on_message(message, now),
            Input::StreamEnded(cause) => self.on_stream_ended(cause, now),
            Input::TimerFired => {}
            Input::Panicked => self.on_panicked(now),
        }
        self.expire(now);
    }

    fn on_connected(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Connecting { .. }) {
            return;
        }
        self.report(Report::Connected { endpoint: self.rotation.endpoint() });
        match self.delivered {
            Some(_) if !self.must_list => {
                self.phase = Phase::Probing { limit: now + self.config.call_timeout };
                self.outputs.push_back(Output::Head);
            }
            _ => self.list(now),
        }
    }

    fn on_head(&mut self, header: Header, now: Instant) {
        if !matches!(self.phase, Phase::Probing { .. }) {
            return;
        }
        match self.delivered {
            Some(delivered) if !is_behind(header, delivered) => self.open(delivered.revision.next(), true, now),
            _ => self.list(now),
        }
    }

    fn on_listed(&mut self, listing: Listing, now: Instant) {
        match &mut self.phase {
            Phase::Listing { .. } => self.on_whole_list(listing, now),
            Phase::Watching(Standing { verify, .. }) => {
                let next = Verify::Due(now);
                match std::mem::replace(verify, next) {
                    Verify::Asked { since, changed, .. } => self.on_verifying_list(listing, since, changed, now),
                    other => *verify = other,
                }
            }
            _ => {}
        }
    }

    fn on_whole_list(&mut self, mut listing: Listing, now: Instant) {
        if let Some(delivered) = self.delivered.filter(|&delivered| is_behind(listing.header, delivered)) {
            if self.doubts < REREADS {
                return self.doubt(now);
            }
            self.report(Report::ClusterChanged { from: delivered, to: listing.header });
        }
        listing.entries.retain(|entry| self.config.scope.contains(&entry.key));
        self.doubts = 0;
        self.must_list = false;
        let header = listing.header;
        self.delivered = Some(header);
        self.outputs.push_back(Output::Replace(listing));
        self.confirm(header.revision, now);
        self.open(header.revision.next(), false, now);
    }

    fn on_verifying_list(
        &mut self,
        mut listing: Listing,
        since: Revision,
        changed: Vec<(Revision, crate::kv::Key)>,
        now: Instant,
    ) {
        let asked_at = self.delivered.map(|delivered| Header { revision: since, ..delivered });
        if asked_at.is_some_and(|asked_at| is_behind(listing.header, asked_at)) {
            self.outputs.push_back(Output::CloseWatch);
            return self.doubt(now);
        }
        listing.entries.retain(|entry| self.config.scope.contains(&entry.key));
        if let Phase::Watching(standing) = &mut self.phase {
            standing.ask_at = now;
            standing.verify = Verify::Held { listing, until: now + self.config.silence_limit, changed };
        }
        self.settle_verification(now);
    }

    fn on_call_failed(&mut self, cause: KvError, now: Instant) {
        match &self.phase {
            Phase::Connecting { .. } | Phase::Probing { .. } | Phase::Listing { .. } => self.fail(cause, now),
            Phase::Opening { .. } if matches!(cause, KvError::Compacted { .. }) => self.relist(cause, now),
            Phase::Opening { .. } => self.fail(cause, now),
            Phase::Watching(Standing { verify: Verify::Asked { .. }, .. }) => self.give_up_verification(cause, now),
            Phase::Watching(_) | Phase::Waiting { .. } | Phase::Doubting { .. } => {}
        }
    }

    fn on_message(&mut self, message: WatchMessage, now: Instant) {
        match (&mut self.phase, message) {
            (Phase::Opening { resumes, .. }, WatchMessage::Created(header)) => {
                let resumes = *resumes;
                self.on_created(header, resumes, now);
            }
            (Phase::Opening { .. } | Phase::Watching(_), WatchMessage::Canceled { compacted, reason, .. }) => {
                self.on_canceled(compacted, reason, now);
            }
            (Phase::Opening { .. }, WatchMessage::Events(..) | WatchMessage::Progress(_)) => {
                self.fail(failed("the server sent events before it acknowledged the watch"), now);
            }
            (Phase::Watching(standing), message) => {
                standing.heard(&self.config, now);
                match message {
                    WatchMessage::Events(header, events) => self.on_events(header, events, now),
                    WatchMessage::Progress(header) => self.on_progress(header, now),
                    WatchMessage::Created(_) | WatchMessage::Canceled { .. } => {}
                }
            }
            _ => {}
        }
    }

    fn on_created(&mut self, header: Header, resumes: bool, now: Instant) {
        if self.delivered.is_none_or(|delivered| is_behind(header, delivered)) {
            return self.relist(failed("the server is behind what it has told before"), now);
        }
        let verify_in = match resumes {
            true => self.rotation.jitter(VERIFY_RESUMED_WITHIN),
            false => self.rotation.about(self.config.verify_every),
        };
        self.phase = Phase::Watching(Standing::new(now, now + verify_in));
    }

    fn on_canceled(&mut self, compacted: Option<Revision>, reason: String, now: Instant) {
        self.report(Report::Canceled { compacted, reason: reason.clone() });
        match compacted {
            Some(oldest) => self.relist(KvError::Compacted { oldest }, now),
            None if reason.is_empty() => self.fail(failed("the server ended the watch without a reason"), now),
            None => self.fail(failed(&format!("the server ended the watch: {reason}")), now),
        }
    }

    fn on_events(&mut self, header: Header, mut events: Vec<KvEvent>, now: Instant) {
        let Some(mut delivered) = self.delivered else { return };
        if header.cluster_id != delivered.cluster_id {
            return self.relist(failed("the watch answers for another cluster"), now);
        }
        events.retain(|event| {
            event.mod_revision() > delivered.revision && self.config.scope.contains(event.key())
        });
        if events.is_empty() {
            return;
        }
        // Stable, so the order within a transaction stays; etcd sends transactions in order as it is.
        events.sort_by_key(KvEvent::mod_revision);
        while let Some(revision) = events.first().map(KvEvent::mod_revision) {
            let rest = events.split_off(events.partition_point(|event| event.mod_revision() == revision));
            let transaction = std::mem::replace(&mut events, rest);
            if let Phase::Watching(standing) = &mut self.phase {
                standing.note(revision, &transaction);
            }
            delivered.revision = revision;
            self.delivered = Some(delivered);
            self.outputs.push_back(Output::Change { revision, events: transaction });
            // In between, because a list that was waiting for this revision says nothing about the next.
            self.settle_verification(now);
        }
        // While it catches up, the watch delivers what was; only progress tells that it has come to what is.
        if matches!(&self.phase, Phase::Watching(standing) if standing.confirmed_since.is_some()) {
            self.confirm(delivered.revision, now);
        }
    }

    fn on_progress(&mut self, header: Header, now: Instant) {
        let Some(delivered) = self.delivered else { return };
        if header.cluster_id != delivered.cluster_id {
            return self.relist(failed("the watch answers for another cluster"), now);
        }
        if let Phase::Watching(standing) = &mut self.phase {
            standing.confirmed_since.get_or_insert(now);
            // May be older than what was delivered in the meantime; it does not take anything back. Nor does it move the
            // point to resume from: older servers let it overtake events.
            standing.progress = standing.progress.max(header.revision);
        }
        self.confirm(header.revision.max(delivered.revision), now);
        self.settle_verification(now);
    }

    /// Hands a verifying list on once the watch has come as far as the list.
    fn settle_verification(&mut self, now: Instant) {
        let Some(mut delivered) = self.delivered else { return };
        let next = now + self.rotation.about(self.config.verify_every);
        let Phase::Watching(standing) = &mut self.phase else { return };
        let Some((listing, later)) = standing.take_verified(delivered.revision, next) else { return };
        delivered.revision = delivered.revision.max(listing.header.revision);
        self.delivered = Some(delivered);
        self.outputs.push_back(Output::Verify { listing, later });
        self.confirm(delivered.revision, now);
    }

    fn give_up_verification(&mut self, cause: KvError, now: Instant) {
        let next = now + self.rotation.about(self.config.verify_every);
        if let Phase::Watching(standing) = &mut self.phase {
            standing.verify = Verify::Due(next);
        }
        self.report(Report::Unverified { cause });
    }

    fn on_stream_ended(&mut self, cause: Option<KvError>, now: Instant) {
        if matches!(self.phase, Phase::Opening { .. } | Phase::Watching(_)) {
            self.fail(cause.unwrap_or_else(|| failed("the stream ended")), now);
        }
    }

    fn on_panicked(&mut self, now: Instant) {
        // What was handed out and not yet done is lost, and with it the knowledge of what has been delivered.
        self.outputs.clear();
        self.must_list = true;
        self.fail(KvError::Failed { operation: "task", cause: "it panicked".to_owned() }, now);
    }

    /// Does what time demands.
    fn expire(&mut self, now: Instant) {
        if self.deadline() > now {
            return;
        }
        match &self.phase {
            Phase::Waiting { .. } => self.connect(now),
            Phase::Doubting { .. } => self.list(now),
            Phase::Connecting { .. } => self.fail(self.timeout("connect", self.attempt_started, now), now),
            Phase::Probing { .. } => self.fail(timeout("head", self.config.call_timeout), now),
            Phase::Listing { .. } => self.fail(self.timeout("list", self.attempt_started, now), now),
            Phase::Opening { .. } => self.fail(timeout("watch", self.config.call_timeout), now),
            Phase::Watching(standing) => match standing.due(now) {
                Some(due) => self.on_due(due, now),
                None => {}
            },
        }
    }

    fn on_due(&mut self, due: Due, now: Instant) {
        match due {
            Due::Dead => self.fail(timeout("a progress request", self.config.silence_limit), now),
            Due::Lagging => {
                self.must_list = true;
                self.fail(failed("it does not catch up with a read of the same server"), now);
            }
            Due::Unverified => self.give_up_verification(timeout("list", self.config.list_timeout), now),
            Due::Ask => {
                if let Phase::Watching(standing) = &mut self.phase {
                    standing.asked(&self.config, now);
                }
                self.outputs.push_back(Output::RequestProgress);
            }
            Due::Verify => self.verify(now),
        }
    }

    fn verify(&mut self, now: Instant) {
        let since = self.delivered.map_or(Revision::ZERO, |delivered| delivered.revision);
        if let Phase::Watching(standing) = &mut self.phase {
            let until = now + self.config.list_timeout;
            standing.verify = Verify::Asked { since, until, changed: Vec::new() };
            self.outputs.push_back(Output::List);
        }
    }

    fn connect(&mut self, now: Instant) {
        self.attempt_started = now;
        self.relisted = false;
        self.phase = Phase::Connecting { limit: now + self.rotation.connect_limit() };
        self.outputs.push_back(Output::Connect { endpoint: self.rotation.endpoint() });
    }

    fn list(&mut self, now: Instant) {
        let limit = match self.delivered.is_none() && self.rotation.is_first_round() {
            // At the start connecting and listing share the connect timeout.
            true => self.attempt_started + self.rotation.connect_limit(),
            false => now + self.config.list_timeout,
        };
        self.phase = Phase::Listing { limit };
        self.outputs.push_back(Output::List);
    }

    fn open(&mut self, from: Revision, resumes: bool, now: Instant) {
        self.phase = Phase::Opening { limit: now + self.config.call_timeout, resumes };
        self.outputs.push_back(Output::OpenWatch { from });
    }

    /// The server is behind what was delivered, or another one: it is read again before it is believed.
    fn doubt(&mut self, now: Instant) {
        self.doubts = self.doubts.saturating_add(1);
        self.phase = Phase::Doubting { until: now + REREAD_EVERY + self.rotation.jitter(REREAD_EVERY) };
    }

    /// Lists anew on the same connection, but only once: a server that keeps cancelling is left for a while.
    fn relist(&mut self, cause: KvError, now: Instant) {
        self.must_list = true;
        if self.relisted {
            return self.fail(cause, now);
        }
        self.relisted = true;
        self.outputs.push_back(Output::CloseWatch);
        self.list(now);
    }

    /// Leaves the connection, and goes on with the next endpoint when it is time.
    fn fail(&mut self, cause: KvError, now: Instant) {
        self.outputs.push_back(Output::Close);
        let endpoint = self.rotation.endpoint();
        let stood_since = match &self.phase {
            Phase::Watching(standing) => standing.confirmed_since,
            _ => None,
        };
        let delay = match stood_since {
            Some(since) => {
                let was_healthy = now.saturating_duration_since(since) >= self.config.healthy_after;
                self.rotation.after_loss(now, was_healthy)
            }
            None => self.rotation.after_failure(now),
        };
        self.phase = Phase::Waiting { until: now + delay };
        if let Some(since) = self.last_confirmed.filter(|_| std::mem::take(&mut self.live)) {
            self.report(Report::Stale { since, cause: cause.clone() });
        }
        self.report(Report::Reconnecting { endpoint, cause, delay });
    }

    fn confirm(&mut self, revision: Revision, now: Instant) {
        self.last_confirmed = Some(now);
        self.outputs.push_back(Output::Confirmed { revision });
        if !std::mem::replace(&mut self.live, true) {
            self.report(Report::Live);
        }
    }

    fn report(&mut self, report: Report) {
        self.outputs.push_back(Output::Report(report));
    }

    fn timeout(&self, operation: &'static str, since: Instant, now: Instant) -> KvError {
        timeout(operation, now.saturating_duration_since(since))
    }
}

/// Whether a server has not come as far as what it, or its predecessor, has told before.
fn is_behind(server: Header, delivered: Header) -> bool {
    server.cluster_id != delivered.cluster_id || server.revision < delivered.revision
}

fn failed(cause: &str) -> KvError {
    KvError::Failed { operation: "watch", cause: cause.to_owned() }
}

fn timeout(operation: &'static str, limit: Duration) -> KvError {
    KvError::Timeout { operation, limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX) }
}
