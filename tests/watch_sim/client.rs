//! The client: the machine, the mirror and the clock under test, and what must hold of them at every step.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aldis_etcd::clock::Clock;
use aldis_etcd::kv::{Header, KvEntry, KvUpdate, Revision, Scope, WatchMessage};
use aldis_etcd::mirror::{Mirror, Outcome};
use aldis_etcd::watch::{Config, Input, Output, Report, Watch};

use crate::bounds::{DETECTION, START, VERIFIED_WITHIN};
use crate::documents::{Author, number};
use crate::lifetimes::Lifetimes;
use crate::server::Server;
use crate::shown::Shown;
use crate::time::Hands;

/// The link that an output goes over.
#[derive(Clone, Copy)]
pub(crate) struct Link {
    /// Which incarnation is at its end.
    pub(crate) incarnation: usize,
    /// Whether a list may tell more than the watch by now: what it said is lost, late or overtaken.
    pub(crate) is_behind: bool,
}

/// The client.
pub(crate) struct Client {
    pub(crate) watch: Watch,
    mirror: Mirror,
    clock: Clock,
    pub(crate) lifetimes: Lifetimes,
    shown: Shown,
    endpoints: usize,
    /// Where what it holds comes from.
    incarnation: usize,
    /// The revision up to which it has been handed everything.
    revision: Revision,
    /// The revision that readers see.
    read: Revision,
    /// It holds something of another incarnation under the same cluster id, which only a read can tell.
    is_mixed: bool,
    /// Transactions that the server has kept from it.
    lost: BTreeSet<Revision>,
    /// Revisions may go back once: where it now follows another incarnation.
    may_go_back: bool,
    readers_may_go_back: bool,
    pub(crate) live: bool,
    /// When the server last confirmed what it holds; a pause of the process since then does not count.
    confirmed_at: Instant,
    /// How far the server was said to be on this connection.
    told: Option<Header>,
    /// How far the server was when it was last asked.
    asked: Revision,
    /// The server has said on this connection what is, not only what was.
    heard_what_is: bool,
    /// How many lists in a row were behind what it has.
    lists_behind: u32,
    /// When the start must be over; `None` once it is, or if nobody can say.
    start_until: Option<Instant>,
    failed_at_start: BTreeSet<usize>,
    /// The delay of the first retry after a stretch of calm.
    pub(crate) first_delay: Option<Duration>,
    /// In calm weather nothing may break.
    pub(crate) is_settled: bool,
    pub(crate) verified_at: Instant,
}

impl Client {
    pub(crate) fn new(scope: Scope, endpoints: usize, seed: u64, now: Instant, hands: Hands) -> Self {
        Self {
            watch: Watch::new(Config::new(scope, endpoints, seed), now),
            mirror: Mirror::new(),
            clock: Clock::new(Arc::new(hands.clone())).expect("has a clock"),
            lifetimes: Lifetimes::new(hands),
            shown: Shown::default(),
            endpoints,
            incarnation: 0,
            revision: Revision::ZERO,
            read: Revision::ZERO,
            is_mixed: false,
            lost: BTreeSet::new(),
            may_go_back: false,
            readers_may_go_back: false,
            live: false,
            confirmed_at: now,
            told: None,
            asked: Revision::ZERO,
            heard_what_is: false,
            lists_behind: 0,
            start_until: Some(now + START),
            failed_at_start: BTreeSet::new(),
            first_delay: None,
            is_settled: false,
            verified_at: now,
        }
    }

    /// Whether it holds what the server has.
    pub(crate) fn is_up_to_date(&self, server: &Server) -> bool {
        self.live && self.mirror.snapshot().is_some() && self.shown.is_state(server.state())
    }

    /// Whether only a verifying read can mend what it holds.
    pub(crate) fn needs_a_read(&self) -> bool {
        self.is_mixed || !self.lost.is_empty()
    }

    /// The server has kept this transaction from it.
    pub(crate) fn loses(&mut self, revision: Revision) {
        self.lost.insert(revision);
    }

    /// Its process stood still until now.
    pub(crate) fn stood_still(&mut self, now: Instant) {
        self.confirmed_at = now;
        self.verified_at = now;
        self.start_until = None;
    }

    /// What the server says of itself is noted, before the machine hears it.
    pub(crate) fn hears(&mut self, input: &Input) {
        self.heard_what_is |= match input {
            Input::Listed(_) => true,
            // Not an old server's, which answers before it has delivered anything.
            Input::Message(WatchMessage::Progress(header)) => {
                header.revision.max(self.revision) >= self.asked
            }
            _ => false,
        };
        if let (Input::Listed(listing), Some(delivered)) = (input, self.watch.delivered()) {
            let is_behind = is_behind(listing.header, delivered);
            self.lists_behind = if is_behind { self.lists_behind + 1 } else { 0 };
        }
        if let Input::Head(header) = input {
            self.asked = header.revision;
        }
        let header = match input {
            Input::Head(header) | Input::Message(WatchMessage::Events(header, _)) => *header,
            Input::Listed(listing) => listing.header,
            _ => return,
        };
        let before =
            self.told.filter(|told| told.cluster_id == header.cluster_id && told.revision > header.revision);
        self.told = before.or(Some(header));
    }

    /// Takes an output as the driver would; a `true` asks for [`Input::Diverged`].
    pub(crate) fn take(
        &mut self,
        output: &Output,
        server: &Server,
        author: &Author,
        link: Link,
        now: Instant,
    ) -> bool {
        match output {
            Output::Replace(listing) => {
                self.see(&listing.entries, author);
                let outcome = self.mirror.replace(listing.clone(), self.clock.moment());
                self.adopt(listing.header.revision, link.incarnation);
                self.lost.clear();
                let is_changed = self.follow(server, |_| {});
                self.check(&outcome, is_changed);
                self.start_until = None;
            }
            Output::Change { revision, events } => self.change(*revision, events, server, author),
            Output::Verify { listing, later } => {
                self.verified_at = now;
                self.see(&listing.entries, author);
                let outcome = self.mirror.verify(listing.clone(), later, self.clock.moment());
                let may_repair = self.needs_a_read() || link.is_behind;
                assert!(may_repair || outcome.repaired == 0, "repairs what the watch was about to deliver");
                self.adopt(self.revision.max(listing.header.revision), link.incarnation);
                self.lost.retain(|&revision| revision > listing.header.revision);
                let is_changed = self.follow(server, |shown| {
                    for key in shown.keys().iter().filter(|key| !later.contains(key)) {
                        if !listing.entries.iter().any(|entry| entry.key == *key) {
                            shown.remove(key);
                        }
                    }
                    for entry in listing.entries.iter().filter(|entry| !later.contains(&entry.key)) {
                        shown.put(entry);
                    }
                });
                self.check(&outcome, is_changed);
                return outcome.repaired > 0;
            }
            Output::OpenWatch { from } => self.check_start(*from, link.incarnation, server),
            Output::Close => {
                assert!(!self.is_settled, "leaves a connection in calm weather");
                self.told = None;
                self.heard_what_is = false;
            }
            Output::Confirmed { revision } => {
                self.confirmed_at = now;
                self.check_confirmation(*revision, server, link);
            }
            Output::Report(report) => self.note(report),
            _ => {}
        }
        false
    }

    /// What must hold whatever happens, as time passes.
    pub(crate) fn check_time(&self, now: Instant) {
        let silence = now.saturating_duration_since(self.confirmed_at);
        assert!(!self.live || silence <= DETECTION, "live after {silence:?} without a confirmation");
        let unverified = now.saturating_duration_since(self.verified_at);
        assert!(!self.is_settled || unverified <= VERIFIED_WITHIN, "not verified for {unverified:?}");
        if self.start_until.is_some_and(|until| until < now) {
            let failed = &self.failed_at_start;
            assert_eq!(failed.len(), self.endpoints, "the start is not over: only {failed:?} have failed");
        }
    }

    /// Whether each directive is on when it may be.
    pub(crate) fn check_lifetimes(&mut self) {
        if let Some(snapshot) = self.mirror.snapshot() {
            self.lifetimes.check(&snapshot.set, self.clock.now());
        }
    }

    fn change(&mut self, revision: Revision, events: &[KvUpdate], server: &Server, author: &Author) {
        if !self.needs_a_read() {
            let whole = server.transaction(self.incarnation, revision);
            assert_eq!(*events, *whole, "revision {revision} is not one whole transaction");
        }
        assert!(revision > self.revision, "revision {revision} is applied after {}", self.revision);
        for event in events {
            if let KvUpdate::Put(entry) = event {
                self.see(std::slice::from_ref(entry), author);
            }
        }
        let outcome = self.mirror.change(revision, events.to_vec(), self.clock.moment());
        self.revision = revision;
        let is_changed = self.follow(server, |shown| {
            for event in events {
                shown.apply(event);
            }
        });
        self.check(&outcome, is_changed);
    }

    fn see(&mut self, entries: &[KvEntry], author: &Author) {
        for number in entries.iter().filter_map(|entry| number(&entry.value)) {
            self.lifetimes.see(number, author);
        }
    }

    fn adopt(&mut self, revision: Revision, incarnation: usize) {
        assert!(
            revision >= self.revision || std::mem::take(&mut self.may_go_back),
            "went back from {} to {revision} without a word",
            self.revision
        );
        self.revision = revision;
        self.incarnation = incarnation;
        self.is_mixed = false;
    }

    /// What it shows must be a state that the server had; or, while only a read can tell, what it was told.
    fn follow(&mut self, server: &Server, told: impl FnOnce(&mut Shown)) -> bool {
        if self.needs_a_read() {
            told(&mut self.shown);
            return true;
        }
        let state = server.state_at(self.incarnation, self.revision);
        self.shown.become_state(state.expect("a state that the server never had"))
    }

    fn check(&mut self, outcome: &Outcome, is_changed: bool) {
        if let Some(snapshot) = &outcome.snapshot {
            assert!(
                snapshot.revision >= self.read || std::mem::take(&mut self.readers_may_go_back),
                "readers go back from {} to {}",
                self.read,
                snapshot.revision
            );
            self.read = snapshot.revision;
        }
        if is_changed || outcome.snapshot.is_some() {
            self.shown.check(&self.mirror, &format!("{} of incarnation {}", self.revision, self.incarnation));
        }
    }

    /// What is said to be confirmed is what was so, then.
    fn check_confirmation(&self, revision: Revision, server: &Server, link: Link) {
        if !self.needs_a_read() && !link.is_behind {
            let state = server.state_at(self.incarnation, revision);
            let is_so = state.is_some_and(|state| self.shown.is_state(state));
            assert!(is_so, "confirmed at {revision}, and not what was there");
        }
    }

    fn check_start(&mut self, from: Revision, connected_to: usize, server: &Server) {
        let told = self.told.expect("it has asked before it watches");
        assert!(
            from <= told.revision.next(),
            "a watch from the future: {from}, the server is at {}",
            told.revision
        );
        assert_eq!(from, self.revision.next(), "the watch does not start where the copy ends");
        if connected_to != self.incarnation {
            let clusters = [connected_to, self.incarnation].map(|incarnation| server.cluster_id(incarnation));
            assert_eq!(clusters[0], clusters[1], "resumes on another cluster");
            self.is_mixed = true;
        }
    }

    fn note(&mut self, report: &Report) {
        match report {
            Report::Live => {
                assert!(self.heard_what_is, "live, though the server has only told what was");
                self.live = true;
            }
            Report::Stale { .. } => {
                assert!(!self.is_settled, "stale in calm weather");
                self.live = false;
            }
            Report::ClusterChanged { .. } => {
                assert!(self.lists_behind > 3, "believes the server after {} lists", self.lists_behind);
                (self.may_go_back, self.readers_may_go_back) = (true, true);
            }
            Report::Reconnecting { endpoint, delay, .. } => {
                self.failed_at_start.insert(*endpoint);
                self.first_delay.get_or_insert(*delay);
            }
            _ => {}
        }
    }
}

fn is_behind(server: Header, delivered: Header) -> bool {
    server.cluster_id != delivered.cluster_id || server.revision < delivered.revision
}
