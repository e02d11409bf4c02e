//! Which endpoint is next, when, and how long it has.

use std::time::{Duration, Instant};

use super::Config;
use crate::backoff::Backoff;

/// What a whole later round may take if every endpoint is silent, so that a healthy one is reached in time. With what
/// spreads the next round it is less than ten seconds.
const ROUND_LIMIT: Duration = Duration::from_secs(9);

/// What a round may take before which much has been waited: ten seconds until a loss was noticed, say. A healthy endpoint
/// is to be reached within fifteen, though the others stay silent.
const QUICK_ROUND: Duration = Duration::from_secs(4);

/// What a round and the delay before it may take together, unless both are at their least.
const DELAYED_ROUND: Duration = Duration::from_secs(12);

/// The rotation over the endpoints. A round tries each once, one after the other, without waiting for more than it takes
/// not to come all at once; between rounds lies a delay of the backoff. Waiting inside a round would let dead endpoints
/// keep a healthy one from being tried.
#[derive(Clone, Debug)]
pub(super) struct Rotation {
    endpoints: u32,
    current: u32,
    failed_in_round: u32,
    first_round: bool,
    /// What this round may take.
    round_limit: Duration,
    /// How long the quickest connection took: how far the cluster is, whatever slows the link now and then.
    connected_within: Option<Duration>,
    round_started: Instant,
    connect_timeout: Duration,
    retry_base: Duration,
    backoff: Backoff,
}

impl Rotation {
    pub(super) fn new(config: &Config, now: Instant) -> Self {
        Self {
            endpoints: u32::try_from(config.endpoints).unwrap_or(u32::MAX).max(1),
            current: 0,
            failed_in_round: 0,
            first_round: true,
            round_limit: config.connect_timeout,
            connected_within: None,
            round_started: now,
            connect_timeout: config.connect_timeout,
            retry_base: config.retry_base,
            backoff: Backoff::new(config.retry_base, config.retry_cap, config.seed),
        }
    }

    /// The endpoint whose turn it is.
    pub(super) fn endpoint(&self) -> usize {
        usize::try_from(self.current).unwrap_or_default()
    }

    /// Whether every endpoint has yet to be tried once.
    pub(super) fn is_first_round(&self) -> bool {
        self.first_round
    }

    /// How long this endpoint has to connect. In the first round its share of the timeout, so that the round fits into
    /// it. Later up to the whole, for slow links, but not so long that a round of silent endpoints takes for ever; and
    /// where much has been waited already no longer than makes sense, going by how far the cluster is.
    pub(super) fn connect_limit(&self) -> Duration {
        let share = self.share(self.connect_timeout);
        if self.first_round {
            return share;
        }
        let longest = self.connect_timeout.min(self.share(ROUND_LIMIT).max(share));
        let needed = self.connected_within.unwrap_or_default().saturating_mul(3);
        longest.min(self.share(self.round_limit).max(needed))
    }

    /// A connection took so long.
    pub(super) fn connected_within(&mut self, duration: Duration) {
        self.connected_within = Some(self.connected_within.map_or(duration, |least| least.min(duration)));
    }

    fn share(&self, of: Duration) -> Duration {
        of.checked_div(self.endpoints).unwrap_or(of)
    }

    /// Goes on after a watch that stood was lost, be it at once or after so much silence. All instances may have lost it
    /// at the same time, so the first retry is spread in any case; beyond that, silence counts as waiting.
    pub(super) fn after_loss(&mut self, now: Instant, silence: Duration, was_healthy: bool) -> Duration {
        if was_healthy {
            self.backoff.reset();
        }
        self.next_endpoint();
        let delay = self.backoff.next_delay();
        let delay = match silence.is_zero() {
            true => delay,
            false => delay.saturating_sub(silence).max(self.backoff.jitter(self.retry_base)),
        };
        self.begin_round(now, delay, QUICK_ROUND);
        delay
    }

    /// Goes on after an attempt that came to nothing. The delay between rounds counts from the round's start: what a
    /// round of timeouts has cost already need not be waited once more. But the next attempt is spread in any case: what
    /// is overdue for one instance is overdue for all that began with it. Within a round it is spread if other instances
    /// may have failed by the same event, in the same instant.
    pub(super) fn after_failure(&mut self, now: Instant, may_be_shared: bool) -> Duration {
        self.next_endpoint();
        self.failed_in_round = self.failed_in_round.saturating_add(1);
        let spread = self.backoff.jitter(self.retry_base);
        match self.failed_in_round < self.endpoints {
            // The first round has to fit into the connect timeout.
            true if may_be_shared && !self.first_round => spread,
            true => Duration::ZERO,
            false => {
                let next = self.round_started + self.backoff.next_delay();
                let left = next.checked_duration_since(now).filter(|left| !left.is_zero());
                let delay = left.unwrap_or(spread);
                let left = DELAYED_ROUND.saturating_sub(delay);
                self.begin_round(now, delay, left.clamp(QUICK_ROUND, ROUND_LIMIT));
                delay
            }
        }
    }

    /// Up to a quarter more or less than `duration`.
    pub(super) fn about(&mut self, duration: Duration) -> Duration {
        duration
            .saturating_mul(3)
            .checked_div(4)
            .unwrap_or(duration)
            .saturating_add(self.jitter(duration / 2))
    }

    /// From zero up to `ceiling`.
    pub(super) fn jitter(&mut self, ceiling: Duration) -> Duration {
        self.backoff.jitter(ceiling)
    }

    fn next_endpoint(&mut self) {
        self.current = self.current.saturating_add(1).checked_rem(self.endpoints).unwrap_or(0);
    }

    /// Begins a round after this delay, which may take so long.
    fn begin_round(&mut self, now: Instant, delay: Duration, limit: Duration) {
        (self.first_round, self.failed_in_round) = (false, 0);
        self.round_limit = limit;
        self.round_started = now + delay;
    }
}
