//! What a watch that stands needs: a heartbeat, and from time to time a verifying read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::Config;
use crate::kv::{Key, KvUpdate, Listing, Revision};

/// How often a watch that has yet to catch up is asked for its progress. From 3.5.22 on etcd does not answer before it
/// has, not even later, so without this a watch that resumes would wait a heartbeat until it may call itself live.
const ASK_BEHIND_EVERY: Duration = Duration::from_millis(250);

/// How long a verifying read waits for the watch to catch up with it.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(2);

/// A list that is held for the watch to catch up is held for as long as the watch says something that often.
const STILL_COMING: Duration = Duration::from_millis(500);

/// A watch that stands.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// Since when.
    pub(super) since: Instant,
    /// Whether the server has confirmed that the watch has come to what is; before that it delivers what was.
    pub(super) caught_up: bool,
    /// Where the server was when it took up the watch again: no answer from before that means that it has caught up.
    reach: Revision,
    /// It has answered so, as servers before 3.4.25 and 3.5.8 do: they will not tell when it has, but a read will.
    answers_early: bool,
    /// How far the server says that everything has been delivered.
    pub(super) progress: Revision,
    /// When to ask for progress.
    pub(super) ask_at: Instant,
    /// When to give up, if it has been asked and has said nothing since.
    pub(super) dead_at: Option<Instant>,
    /// When not to take what it delivers for what is any longer, if it has been asked and has not answered.
    pub(super) behind_at: Option<Instant>,
    /// The verifying read.
    pub(super) verify: Verify,
}

/// How far the verifying read is.
#[derive(Clone, Debug)]
pub(super) enum Verify {
    /// Not begun.
    Due(Instant),
    /// The list is under way.
    Asked {
        /// What had been delivered when it was asked for.
        since: Revision,
        /// When to give up.
        until: Instant,
        /// What has changed since, and when last.
        changed: BTreeMap<Key, Revision>,
    },
    /// The list is here, and ahead of the watch.
    Held {
        /// The list.
        listing: Listing,
        /// When not to wait for the watch any longer: what differs then is repaired from the list.
        until: Instant,
        /// What has changed since it was asked for, and when last.
        changed: BTreeMap<Key, Revision>,
    },
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The watch has fallen silent.
    Dead,
    /// The watch delivers, but has not answered: it may be far behind.
    Behind,
    /// The verifying read was not answered.
    Unverified,
    /// The verifying read need not wait for the watch any longer.
    Settle,
    /// Ask for progress.
    Ask,
    /// Begin the verifying read.
    Verify,
}

impl Standing {
    /// A watch that the server has just acknowledged, and that has to reach this revision. It is asked for its progress
    /// at once.
    pub(super) fn new(now: Instant, verify_at: Instant, reach: Revision) -> Self {
        Self {
            since: now,
            caught_up: false,
            reach,
            answers_early: false,
            progress: Revision::ZERO,
            ask_at: now,
            dead_at: None,
            behind_at: None,
            verify: Verify::Due(verify_at),
        }
    }

    /// The watch delivered something of use: the link lives, and so does the server behind it. Whether that is what is or
    /// what was, over a link that does not keep up, only its answers tell.
    pub(super) fn heard(&mut self, config: &Config, now: Instant) {
        self.dead_at = self.dead_at.map(|_| now + patience(config));
        if let Verify::Held { until, .. } = &mut self.verify {
            *until = (*until).max(now + STILL_COMING);
        }
    }

    /// The watch said how far it has come, of `delivered` at least; whether that is to what is.
    pub(super) fn answered(
        &mut self,
        said: Revision,
        delivered: Revision,
        config: &Config,
        now: Instant,
    ) -> bool {
        // It moves neither what counts as a duplicate nor the point to resume from: servers before 3.4.25 and 3.5.8 let
        // it overtake events. That also means that it may be behind what was delivered.
        self.progress = self.progress.max(said);
        self.dead_at = None;
        if !self.caught_up && !self.has_reached(delivered) {
            if let Verify::Due(at) = &mut self.verify
                && !std::mem::replace(&mut self.answers_early, true)
            {
                *at = (*at).min(now);
            }
            self.ask_at = now + self.interval(config);
            return false;
        }
        self.caught_up = true;
        self.ask_at = now + self.interval(config);
        self.behind_at = None;
        true
    }

    /// The watch is being asked for its progress. Patience counts from the first question that is not answered, not from
    /// the last word: if we ourselves stood still for a minute, nobody had a chance to answer.
    pub(super) fn asked(&mut self, config: &Config, now: Instant) {
        self.ask_at = now + self.interval(config);
        let patience = patience(config);
        self.dead_at.get_or_insert(now + patience);
        if self.caught_up {
            self.behind_at.get_or_insert(now + patience);
        }
    }

    /// The watch does not answer, though it delivers: it has to catch up, as one that resumes.
    pub(super) fn fell_behind(&mut self) {
        (self.caught_up, self.behind_at) = (false, None);
    }

    /// Nothing could be heard for so long.
    pub(super) fn held_up(&mut self, by: Duration) {
        let verify = match &mut self.verify {
            Verify::Due(_) => None,
            Verify::Asked { until, .. } | Verify::Held { until, .. } => Some(until),
        };
        let patience = [self.dead_at.as_mut(), self.behind_at.as_mut(), verify];
        patience.into_iter().flatten().for_each(|until| *until += by);
    }

    /// How long a list waits for the watch to catch up with it.
    pub(super) fn catch_up_limit(&self) -> Duration {
        if self.answers_early { STILL_COMING } else { CATCH_UP_LIMIT }
    }

    /// A list that is ahead of what is still to be delivered would only find what is under way.
    fn may_verify(&self) -> bool {
        self.caught_up || self.answers_early
    }

    /// Whether only a read can tell that it has caught up.
    pub(super) fn needs_a_read(&self, delivered: Revision) -> bool {
        self.answers_early && !self.caught_up && !self.has_reached(delivered)
    }

    fn has_reached(&self, delivered: Revision) -> bool {
        self.progress.max(delivered) >= self.reach
    }

    fn interval(&self, config: &Config) -> Duration {
        if self.caught_up { config.heartbeat } else { ASK_BEHIND_EVERY.min(config.heartbeat) }
    }

    /// Remembers what changed while a verifying read is under way: once for each key, however often it changes.
    pub(super) fn note(&mut self, revision: Revision, events: &[KvUpdate]) {
        if let Verify::Asked { changed, .. } | Verify::Held { changed, .. } = &mut self.verify {
            changed.extend(events.iter().map(|event| (event.key().clone(), revision)));
        }
    }

    /// The list and the keys that changed after it, once the watch has caught up with it or has had its time. Some
    /// servers never say that they have caught up: what they confirm could have overtaken events.
    pub(super) fn take_verified(
        &mut self,
        delivered: Revision,
        now: Instant,
    ) -> Option<(Listing, BTreeSet<Key>)> {
        let reached = self.progress.max(delivered);
        match std::mem::replace(&mut self.verify, Verify::Due(now)) {
            Verify::Held { listing, changed, until }
                if listing.header.revision <= reached || until <= now =>
            {
                let at = listing.header.revision;
                let later = changed.into_iter().filter(|(_, revision)| *revision > at).map(|(key, _)| key);
                Some((listing, later.collect()))
            }
            unfinished => {
                self.verify = unfinished;
                None
            }
        }
    }

    /// The next point at which something is due.
    pub(super) fn deadline(&self) -> Instant {
        let verify = match &self.verify {
            Verify::Due(at) => self.may_verify().then_some(*at),
            Verify::Asked { until, .. } | Verify::Held { until, .. } => Some(*until),
        };
        [self.dead_at, self.behind_at, verify].into_iter().flatten().fold(self.ask_at, Instant::min)
    }

    /// What is due now; the gravest first.
    pub(super) fn due(&self, now: Instant) -> Option<Due> {
        if self.dead_at.is_some_and(|dead_at| dead_at <= now) {
            return Some(Due::Dead);
        }
        if self.behind_at.is_some_and(|behind_at| behind_at <= now) {
            return Some(Due::Behind);
        }
        if self.ask_at <= now {
            return Some(Due::Ask);
        }
        match &self.verify {
            Verify::Due(at) if self.may_verify() && *at <= now => Some(Due::Verify),
            Verify::Asked { until, .. } if *until <= now => Some(Due::Unverified),
            Verify::Held { until, .. } if *until <= now => Some(Due::Settle),
            _ => None,
        }
    }
}

/// How long an answer may take. Together with the time until it is asked for this is the limit of silence.
fn patience(config: &Config) -> Duration {
    config.silence_limit.saturating_sub(config.heartbeat)
}
