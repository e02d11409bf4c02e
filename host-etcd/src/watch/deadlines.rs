//! What time demands: every call is bounded, every watch is asked whether it lives, and what nobody confirms is stale.

use std::time::{Duration, Instant};

use super::Output;
use super::machine::{Phase, Watch};
use super::standing::Due;
use crate::kv::KvError;

impl Watch {
    /// When to hand in [`Input::TimerFired`](super::Input::TimerFired), if nothing happens before. Earlier is harmless.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let due = self.due_at();
        self.lapses_at().map_or(due, |lapses_at| lapses_at.min(due))
    }

    /// Whoever took what was to be done has been at it for so long, and nothing was read meanwhile: what is under way has
    /// as much more time.
    pub fn held_up(&mut self, by: Duration) {
        match &mut self.phase {
            Phase::Waiting { .. } | Phase::Doubting { .. } => {}
            Phase::Connecting { limit }
            | Phase::Probing { limit }
            | Phase::Listing { limit }
            | Phase::Opening { limit, .. } => *limit += by,
            Phase::Watching(standing) => standing.held_up(by),
        }
    }

    /// When the present phase is over, or has something to do.
    fn due_at(&self) -> Instant {
        match &self.phase {
            Phase::Waiting { until } | Phase::Doubting { until } => *until,
            Phase::Connecting { limit }
            | Phase::Probing { limit }
            | Phase::Listing { limit }
            | Phase::Opening { limit, .. } => *limit,
            Phase::Watching(standing) => standing.deadline(),
        }
    }

    /// When it may call itself live no longer. Where the server is not asked whether it still confirms what is held —
    /// while a list is being read, or a watch delivers what was — time alone tells. A watch that has been confirmed is
    /// asked, and its own patience counts: after a pause of our own nobody has had a chance to answer.
    fn lapses_at(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Watching(standing) if standing.caught_up => None,
            _ => self
                .last_confirmed
                .filter(|_| self.live)
                .map(|confirmed| confirmed + self.config.silence_limit),
        }
    }

    /// Does what time demands.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.lapses_at().is_some_and(|lapses_at| lapses_at <= now) {
            self.lapse(&timeout("confirmation", self.config.silence_limit));
        }
        if self.due_at() > now {
            return;
        }
        let elapsed = now.saturating_duration_since(self.attempt_started);
        match &self.phase {
            Phase::Waiting { .. } => self.connect(now),
            Phase::Doubting { .. } => self.list(now),
            Phase::Connecting { .. } => self.fail_unanswered(timeout("connect", elapsed), now),
            Phase::Probing { .. } => self.fail_unanswered(timeout("head", self.config.call_timeout), now),
            Phase::Listing { .. } => {
                self.fail_unanswered(timeout("list", elapsed.min(self.list_limit)), now);
                self.on_list_expired();
            }
            Phase::Opening { .. } => self.fail_unanswered(timeout("watch", self.config.call_timeout), now),
            Phase::Watching(standing) => {
                if let Some(due) = standing.due(now) {
                    self.on_due(due, now);
                }
            }
        }
    }

    fn on_due(&mut self, due: Due, now: Instant) {
        match due {
            Due::Dead => {
                let silence = self.config.silence_limit;
                self.fail_after_silence(timeout("progress request", silence), silence, now);
            }
            Due::Behind => {
                if let Phase::Watching(standing) = &mut self.phase {
                    standing.fell_behind();
                }
                self.lapse(&timeout("progress request", self.config.silence_limit));
            }
            Due::Unverified => {
                self.give_up_verification(timeout("list", self.list_limit), now);
                self.on_list_expired();
            }
            Due::Settle => self.settle_verification(now),
            Due::Verify => self.verify(now),
            Due::Ask => {
                if let Phase::Watching(standing) = &mut self.phase {
                    standing.asked(&self.config, now);
                }
                self.outputs.push_back(Output::RequestProgress);
            }
        }
    }
}

fn timeout(operation: &'static str, limit: Duration) -> KvError {
    KvError::Timeout { operation, limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX) }
}
