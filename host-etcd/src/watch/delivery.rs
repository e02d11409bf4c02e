//! What an open watch delivers: events, progress, its end; and the read that verifies it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::machine::{Phase, Watch, failed, is_behind};
use super::standing::{Standing, Verify};
use super::{Output, Report};
use crate::kv::{Header, KvError, KvUpdate, Listing, Revision, WatchMessage};

/// A resumed watch is verified within this: nothing but a read can tell a cluster that was restored to an older state
/// and has since come further than what we had. Reconnecting has spread those who come to it at the same time already.
const VERIFY_RESUMED_WITHIN: Duration = Duration::from_secs(1);

/// A read that had something to tell, and did not, is made again after about this.
const VERIFY_AGAIN_IN: Duration = Duration::from_secs(5);

impl Watch {
    pub(super) fn on_message(&mut self, message: WatchMessage, now: Instant) {
        match (&mut self.phase, message) {
            (Phase::Opening { resumes, .. }, WatchMessage::Created(header)) => {
                let resumes = *resumes;
                self.on_created(header, resumes, now);
            }
            (
                Phase::Opening { .. } | Phase::Watching(_),
                WatchMessage::Canceled { compacted, reason, .. },
            ) => {
                self.on_canceled(compacted, reason, now);
            }
            (Phase::Opening { .. }, WatchMessage::Events(..) | WatchMessage::Progress(_)) => {
                self.fail(failed("the server sent events before it acknowledged the watch"), now);
            }
            (Phase::Watching(_), WatchMessage::Events(header, events)) => self.on_events(header, events, now),
            (Phase::Watching(_), WatchMessage::Progress(header)) => self.on_progress(header, now),
            _ => {}
        }
    }

    fn on_created(&mut self, header: Header, resumes: Option<Revision>, now: Instant) {
        if self.delivered.is_none_or(|delivered| is_behind(header, delivered)) {
            return self.relist(failed("the server is behind what it has told before"), now);
        }
        let (verify_in, reach) = match resumes {
            Some(head) => (self.rotation.jitter(VERIFY_RESUMED_WITHIN), head.max(header.revision)),
            // From where a list has just ended.
            None => (self.rotation.about(self.config.verify_every), Revision::ZERO),
        };
        self.phase = Phase::Watching(Standing::new(now, now + verify_in, reach));
    }

    fn on_canceled(&mut self, compacted: Option<Revision>, reason: String, now: Instant) {
        self.report(Report::Canceled { compacted, reason: reason.clone() });
        match compacted {
            Some(oldest) => self.relist(KvError::Compacted { oldest }, now),
            None if reason.is_empty() => {
                self.fail(failed("the server ended the watch without a reason"), now);
            }
            None => self.fail(failed(&format!("the server ended the watch: {reason}")), now),
        }
    }

    fn on_events(&mut self, header: Header, mut events: Vec<KvUpdate>, now: Instant) {
        let Some(delivered) = self.delivered else { return };
        if header.cluster_id != delivered.cluster_id {
            return self.relist(failed("the watch answers for another cluster"), now);
        }
        events.retain(|event| {
            event.mod_revision() > delivered.revision && self.config.scope.contains(event.key())
        });
        // What is foreign or known already is no sign of life: it confirms nothing, and would put off the question.
        let Some(last) = events.iter().map(KvUpdate::mod_revision).max() else { return };
        if let Phase::Watching(standing) = &mut self.phase {
            standing.heard(&self.config, now);
        }
        // Stable, so the order within a transaction stays; etcd sends transactions in order as it is.
        events.sort_by_key(KvUpdate::mod_revision);
        while let Some(revision) = events.first().map(KvUpdate::mod_revision) {
            let rest = events.split_off(events.partition_point(|event| event.mod_revision() == revision));
            self.deliver(revision, std::mem::replace(&mut events, rest), now);
        }
        // While it catches up, the watch delivers what was; only progress tells that it has come to what is.
        if matches!(&self.phase, Phase::Watching(Standing { caught_up: true, .. })) {
            self.confirm(last, now);
        }
    }

    /// Hands on one transaction.
    fn deliver(&mut self, revision: Revision, events: Vec<KvUpdate>, now: Instant) {
        if let Phase::Watching(standing) = &mut self.phase {
            standing.note(revision, &events);
        }
        self.raise_delivered(revision);
        self.outputs.push_back(Output::Change { revision, events });
        self.settle_verification(now);
    }

    fn on_progress(&mut self, header: Header, now: Instant) {
        let Some(delivered) = self.delivered else { return };
        if header.cluster_id != delivered.cluster_id {
            return self.relist(failed("the watch answers for another cluster"), now);
        }
        let Phase::Watching(standing) = &mut self.phase else { return };
        let is_all = standing.answered(header.revision, delivered.revision, &self.config, now);
        self.stood_since.get_or_insert(now);
        self.relisted &= now.saturating_duration_since(standing.since) < self.config.healthy_after;
        if is_all {
            self.confirm(header.revision.max(delivered.revision), now);
        }
        self.settle_verification(now);
    }

    /// Begins a verifying read, beside the watch.
    pub(super) fn verify(&mut self, now: Instant) {
        let since = self.delivered.map_or(Revision::ZERO, |delivered| delivered.revision);
        if let Phase::Watching(standing) = &mut self.phase {
            let until = now + self.list_limit;
            standing.verify = Verify::Asked { since, until, changed: BTreeMap::new() };
            self.list_asked_at = now;
            self.outputs.push_back(Output::List);
        }
    }

    pub(super) fn on_verifying_list(&mut self, mut listing: Listing, now: Instant) {
        let Phase::Watching(standing) = &mut self.phase else { return };
        let (since, changed) = match std::mem::replace(&mut standing.verify, Verify::Due(now)) {
            Verify::Asked { since, changed, .. } => (since, changed),
            other => return standing.verify = other,
        };
        let asked_at = self.delivered.map(|delivered| Header { revision: since, ..delivered });
        if asked_at.is_some_and(|asked_at| is_behind(listing.header, asked_at)) {
            self.outputs.push_back(Output::CloseWatch);
            return self.doubt(now);
        }
        listing.entries.retain(|entry| self.config.scope.contains(&entry.key));
        // Asked for progress at once, it need not wait for the next heartbeat.
        standing.ask_at = now;
        let until = now + standing.catch_up_limit();
        standing.verify = Verify::Held { listing, until, changed };
        self.settle_verification(now);
    }

    /// Hands a verifying list on, once the watch has come as far as the list. Asked after each transaction, because a
    /// list that was waiting for this one says nothing about the next.
    pub(super) fn settle_verification(&mut self, now: Instant) {
        let Some(delivered) = self.delivered else { return };
        let Phase::Watching(standing) = &mut self.phase else { return };
        let Some((listing, later)) = standing.take_verified(delivered.revision, now) else { return };
        let caught_up = standing.caught_up;
        let revision = listing.header.revision.max(delivered.revision);
        self.raise_delivered(revision);
        self.verify_again(now);
        self.outputs.push_back(Output::Verify { listing, later });
        // The list may have waited for long.
        if caught_up {
            self.confirm(revision, now);
        }
    }

    /// In a minute; in seconds if the last read has not told what only a read can tell, because it failed or was stale.
    fn verify_again(&mut self, now: Instant) {
        let delivered = self.delivered.map_or(Revision::ZERO, |delivered| delivered.revision);
        let Phase::Watching(standing) = &mut self.phase else { return };
        let again_in = match standing.needs_a_read(delivered) {
            true => self.rotation.about(VERIFY_AGAIN_IN),
            false => self.rotation.about(self.config.verify_every),
        };
        standing.verify = Verify::Due(now + again_in);
    }

    pub(super) fn give_up_verification(&mut self, cause: KvError, now: Instant) {
        self.verify_again(now);
        self.report(Report::Unverified { cause });
    }

    /// The watch has lost something: a new one takes its place, from what the repair has come to.
    pub(super) fn on_diverged(&mut self, now: Instant) {
        let (Phase::Watching(_), Some(delivered)) = (&self.phase, self.delivered) else { return };
        self.outputs.push_back(Output::CloseWatch);
        self.open(delivered.revision.next(), None, now);
    }

    fn raise_delivered(&mut self, revision: Revision) {
        if let Some(delivered) = &mut self.delivered {
            delivered.revision = delivered.revision.max(revision);
        }
    }
}
