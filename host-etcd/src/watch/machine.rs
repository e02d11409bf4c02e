//! The machine itself: its phases, the calls, and how it leaves one connection for the next.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::rotation::Rotation;
use super::standing::{Standing, Verify};
use super::{Config, Input, Output, Report};
use crate::kv::{Header, KvError, Listing, Revision};

/// How often a server that is behind is read again before it is believed. A member that lags catches up within these;
/// a cluster that was restored never does.
const REREADS: u32 = 3;

/// Between two of those, and up to as much again.
const REREAD_EVERY: Duration = Duration::from_millis(250);

/// However large the scope.
const LONGEST_LIST: Duration = Duration::from_secs(3_600);

/// An attempt that fails within this, by a closed port say, has failed by itself.
const AT_ONCE: Duration = Duration::from_millis(50);

/// The watch. See the [module](super) for what it guarantees.
#[derive(Clone, Debug)]
pub struct Watch {
    pub(super) config: Config,
    pub(super) rotation: Rotation,
    pub(super) phase: Phase,
    /// Cluster and revision that were delivered; what a watch resumes from.
    pub(super) delivered: Option<Header>,
    /// The delivered revision cannot be resumed from.
    must_list: bool,
    /// How often in a row a server has been found behind, whichever it was.
    doubts: u32,
    /// How long a list may take, and when the last was asked for.
    pub(super) list_limit: Duration,
    pub(super) list_asked_at: Instant,
    /// Whether this connection has lately listed anew for its watch: once is chance, twice a reason to leave it.
    pub(super) relisted: bool,
    pub(super) attempt_started: Instant,
    /// When this connection last had something to say.
    heard_at: Instant,
    /// Since when this connection has held a watch that the server confirms.
    pub(super) stood_since: Option<Instant>,
    pub(super) live: bool,
    pub(super) last_confirmed: Option<Instant>,
    pub(super) outputs: VecDeque<Output>,
}

#[derive(Clone, Debug)]
pub(super) enum Phase {
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
    /// The watch is being opened, until the server acknowledges it. If it resumes, with how far the server is.
    Opening { limit: Instant, resumes: Option<Revision> },
    /// The watch stands.
    Watching(Standing),
}

impl Watch {
    /// A watch that begins at once with the first endpoint.
    #[must_use]
    pub fn new(config: Config, now: Instant) -> Self {
        let config = config.bounded();
        let mut watch = Self {
            rotation: Rotation::new(&config, now),
            phase: Phase::Waiting { until: now },
            delivered: config.held,
            must_list: config.held.is_some(),
            list_limit: config.list_timeout,
            list_asked_at: now,
            config,
            doubts: 0,
            relisted: false,
            attempt_started: now,
            heard_at: now,
            stood_since: None,
            live: false,
            last_confirmed: None,
            outputs: VecDeque::new(),
        };
        watch.connect(now);
        watch
    }

    /// The next thing to be done. To be asked until there is none, after each [`handle`](Self::handle).
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether the next thing to be done is to hand on a transaction.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        matches!(self.outputs.front(), Some(Output::Change { .. }))
    }

    /// The cluster, and the revision up to which everything has been handed on.
    #[must_use]
    pub fn delivered(&self) -> Option<Header> {
        self.delivered
    }

    /// Takes in what happened. What does not belong to the present phase changes nothing.
    ///
    /// What came is looked at before what is due: after a pause of our own, answers may be waiting.
    pub fn handle(&mut self, input: Input, now: Instant) {
        if matches!(input, Input::Connected | Input::Head(_) | Input::Listed(_) | Input::Message(_)) {
            self.heard_at = now;
        }
        match input {
            Input::Connected => self.on_connected(now),
            Input::Head(header) => self.on_head(header, now),
            Input::Listed(listing) => self.on_listed(listing, now),
            Input::CallFailed(cause) => self.on_call_failed(cause, now),
            Input::Message(message) => self.on_message(message, now),
            Input::StreamEnded(cause) => self.on_stream_ended(cause, now),
            Input::TimerFired => {}
            Input::Diverged => self.on_diverged(now),
            Input::Panicked => self.on_panicked(now),
        }
        self.expire(now);
    }

    fn on_connected(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Connecting { .. }) {
            return;
        }
        self.rotation.connected_within(now.saturating_duration_since(self.attempt_started));
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
            Some(delivered) if !is_behind(header, delivered) => {
                self.doubts = 0;
                self.open(delivered.revision.next(), Some(header.revision), now);
            }
            _ => self.list(now),
        }
    }

    fn on_listed(&mut self, listing: Listing, now: Instant) {
        let took = now.saturating_duration_since(self.list_asked_at);
        self.list_limit = self.config.list_timeout.max(took.saturating_mul(2)).min(LONGEST_LIST);
        match &self.phase {
            Phase::Listing { .. } => self.on_whole_list(listing, now),
            Phase::Watching(_) => self.on_verifying_list(listing, now),
            _ => {}
        }
    }

    fn on_whole_list(&mut self, mut listing: Listing, now: Instant) {
        let header = listing.header;
        if let Some(delivered) = self.delivered.filter(|&delivered| is_behind(header, delivered)) {
            if self.doubts < REREADS {
                return self.doubt(now);
            }
            self.report(Report::ClusterChanged { from: delivered, to: header });
        }
        listing.entries.retain(|entry| self.config.scope.contains(&entry.key));
        self.doubts = 0;
        self.must_list = false;
        self.delivered = Some(header);
        self.outputs.push_back(Output::Replace(listing));
        self.confirm(header.revision, now);
        self.open(header.revision.next(), None, now);
    }

    fn on_call_failed(&mut self, cause: KvError, now: Instant) {
        match &self.phase {
            Phase::Connecting { .. } | Phase::Probing { .. } | Phase::Listing { .. } => {
                self.fail_unanswered(cause, now);
            }
            Phase::Opening { .. } if matches!(cause, KvError::Compacted { .. }) => self.relist(cause, now),
            Phase::Opening { .. } => self.fail_unanswered(cause, now),
            Phase::Watching(Standing { verify: Verify::Asked { .. }, .. }) => match cause {
                // An expired token or a lost permission, from which an open watch does not suffer: only a new
                // connection tells which, and authenticates anew.
                KvError::Denied { .. } => self.fail(cause, now),
                _ => self.give_up_verification(cause, now),
            },
            Phase::Watching(_) | Phase::Waiting { .. } | Phase::Doubting { .. } => {}
        }
    }

    fn on_stream_ended(&mut self, cause: Option<KvError>, now: Instant) {
        if matches!(self.phase, Phase::Opening { .. } | Phase::Watching(_)) {
            let cause = cause.unwrap_or_else(|| failed("the stream ended"));
            let silence = now.saturating_duration_since(self.heard_at);
            // What ends after a long silence was ended by a keepalive, and that silence has been waited already.
            let waited = if silence > self.config.heartbeat { silence } else { Duration::ZERO };
            self.fail_after_silence(cause, waited, now);
        }
    }

    fn on_panicked(&mut self, now: Instant) {
        // What was to be done is lost, and with it the knowledge of what has been delivered; what was to be told is not.
        self.outputs.retain(|output| matches!(output, Output::Report(_)));
        self.must_list = true;
        match self.phase {
            // The connection was left already; it is not to be counted twice.
            Phase::Waiting { .. } => self.outputs.push_back(Output::Close),
            _ => self.fail(KvError::Failed { operation: "task", cause: "it panicked".to_owned() }, now),
        }
    }

    pub(super) fn connect(&mut self, now: Instant) {
        self.attempt_started = now;
        self.relisted = false;
        self.stood_since = None;
        self.phase = Phase::Connecting { limit: now + self.rotation.connect_limit() };
        self.outputs.push_back(Output::Connect { endpoint: self.rotation.endpoint() });
    }

    pub(super) fn list(&mut self, now: Instant) {
        let is_start = self.last_confirmed.is_none() && self.rotation.is_first_round();
        let limit = match (is_start, self.doubts) {
            // At the start connecting and listing share the connect timeout.
            (true, 0) => self.attempt_started + self.rotation.connect_limit(),
            // A server that is behind what is held has answered, and is read again on top of that.
            (true, _) => now + self.rotation.connect_limit(),
            (false, _) => now + self.list_limit,
        };
        self.list_asked_at = now;
        self.phase = Phase::Listing { limit };
        self.outputs.push_back(Output::List);
    }

    /// A list took longer than it may: the next may take twice as long. Otherwise a scope that is large for its link would
    /// be read from the beginning again and again.
    pub(super) fn on_list_expired(&mut self) {
        self.list_limit = self.list_limit.saturating_mul(2).min(LONGEST_LIST);
    }

    pub(super) fn open(&mut self, from: Revision, resumes: Option<Revision>, now: Instant) {
        self.phase = Phase::Opening { limit: now + self.config.call_timeout, resumes };
        self.outputs.push_back(Output::OpenWatch { from });
    }

    /// The server is behind what was delivered, or another one: it is read again before it is believed.
    pub(super) fn doubt(&mut self, now: Instant) {
        self.doubts = self.doubts.saturating_add(1);
        self.phase = Phase::Doubting { until: now + REREAD_EVERY + self.rotation.jitter(REREAD_EVERY) };
    }

    /// Lists anew on the same connection, but only once: a server that keeps cancelling is left for a while.
    pub(super) fn relist(&mut self, cause: KvError, now: Instant) {
        self.must_list = true;
        if self.relisted {
            return self.fail(cause, now);
        }
        self.relisted = true;
        self.outputs.push_back(Output::CloseWatch);
        self.list(now);
    }

    /// Leaves the connection, and goes on with the next endpoint when it is time.
    pub(super) fn fail(&mut self, cause: KvError, now: Instant) {
        self.fail_after_silence(cause, Duration::ZERO, now);
    }

    /// The same for a call: the time in which nothing was heard has been waited already.
    pub(super) fn fail_unanswered(&mut self, cause: KvError, now: Instant) {
        self.fail_after_silence(cause, now.saturating_duration_since(self.heard_at), now);
    }

    /// The same for a connection that has been silent for so long.
    pub(super) fn fail_after_silence(&mut self, cause: KvError, silence: Duration, now: Instant) {
        self.outputs.push_back(Output::Close);
        let endpoint = self.rotation.endpoint();
        let delay = match self.stood_since.take() {
            Some(since) => {
                let was_healthy = now.saturating_duration_since(since) >= self.config.healthy_after;
                self.rotation.after_loss(now, silence, was_healthy)
            }
            None => self.rotation.after_failure(now, self.may_be_shared(&cause, now)),
        };
        self.lapse(&cause);
        self.report(Report::Reconnecting { endpoint, cause, delay });
        match delay.is_zero() {
            true => self.connect(now),
            false => self.phase = Phase::Waiting { until: now + delay },
        }
    }

    /// Nothing confirms any more what is held.
    pub(super) fn lapse(&mut self, cause: &KvError) {
        if let Some(since) = self.last_confirmed.filter(|_| std::mem::take(&mut self.live)) {
            self.report(Report::Stale { since, cause: cause.clone() });
        }
    }

    /// Whether the event that ended the attempt may have ended those of all other instances as well. Not so what fails at
    /// once, nor our own patience with a port that is silent: both are spread as the attempts' beginnings were.
    fn may_be_shared(&self, cause: &KvError, now: Instant) -> bool {
        let is_silence = matches!((&self.phase, cause), (Phase::Connecting { .. }, KvError::Timeout { .. }));
        !is_silence && now.saturating_duration_since(self.attempt_started) > AT_ONCE
    }

    pub(super) fn confirm(&mut self, revision: Revision, now: Instant) {
        self.last_confirmed = Some(now);
        self.outputs.push_back(Output::Confirmed { revision });
        if !std::mem::replace(&mut self.live, true) {
            self.report(Report::Live);
        }
    }

    pub(super) fn report(&mut self, report: Report) {
        self.outputs.push_back(Output::Report(report));
    }
}

/// Whether a server has not come as far as what it, or its predecessor, has told before.
pub(super) fn is_behind(server: Header, delivered: Header) -> bool {
    server.cluster_id != delivered.cluster_id || server.revision < delivered.revision
}

pub(super) fn failed(cause: &str) -> KvError {
    KvError::Failed { operation: "watch", cause: cause.to_owned() }
}
