//! The client: the machine and the mirror under test, and what must hold of them at every step.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aldis_core::UnixMillis;
use aldis_etcd::clock::Moment;
use aldis_etcd::kv::{Header, Revision, Scope, WatchMessage};
use aldis_etcd::mirror::{Mirror, Outcome};
use aldis_etcd::watch::{Config, Input, Output, Report, Watch};

use crate::server::{SCOPE, Server};

/// How long a store may call itself live without having heard from the server.
const SILENCE_LIMIT: Duration = Duration::from_secs(10);

/// The link that an output goes over.
#[derive(Clone, Copy)]
pub(crate) struct Link {
    /// Which incarnation is at its end.
    pub(crate) incarnation: usize,
    /// Whether anything passes.
    pub(crate) is_alive: bool,
}

/// The client.
pub(crate) struct Client {
    pub(crate) watch: Watch,
    mirror: Mirror,
    /// Where what it holds comes from.
    incarnation: usize,
    /// The revision up to which it has been handed everything.
    revision: Revision,
    /// It holds something of another incarnation under the same cluster id, which only a read can tell.
    is_mixed: bool,
    /// Transactions that the server has kept from it.
    lost: BTreeSet<Revision>,
    may_go_back: bool,
    /// Progress has been claimed before its events arrived, so a read may find what they are about to bring.
    pub(crate) was_overtaken: bool,
    live: bool,
    /// How far the server was said to be on this connection.
    told: Option<Header>,
    /// The server has said on this connection what is, not only what was.
    heard_what_is: bool,
    /// How many lists in a row were behind what it has.
    lists_behind: u32,
}

impl Client {
    pub(crate) fn new(endpoints: usize, seed: u64, now: Instant) -> Self {
        let config = Config::new(Scope::parse(SCOPE), endpoints, seed);
        Self {
            watch: Watch::new(config, now),
            mirror: Mirror::new(),
            incarnation: 0,
            revision: Revision::ZERO,
            is_mixed: false,
            lost: BTreeSet::new(),
            may_go_back: false,
            was_overtaken: false,
            live: false,
            told: None,
            heard_what_is: false,
            lists_behind: 0,
        }
    }

    /// Whether it holds what the server has.
    pub(crate) fn is_up_to_date(&self, server: &Server) -> bool {
        self.live && self.mirror.snapshot().is_some_and(|snapshot| snapshot.digest == server.digest())
    }

    /// Whether only a verifying read can mend what it holds.
    pub(crate) fn needs_a_read(&self) -> bool {
        self.is_mixed || !self.lost.is_empty()
    }

    /// The server has kept this transaction from it.
    pub(crate) fn loses(&mut self, revision: Revision) {
        self.lost.insert(revision);
    }

    /// What the server says of itself is noted, before the machine hears it.
    pub(crate) fn hears(&mut self, input: &Input) {
        self.heard_what_is |= matches!(input, Input::Listed(_) | Input::Message(WatchMessage::Progress(_)));
        if let (Input::Listed(listing), Some(delivered)) = (input, self.watch.delivered()) {
            let header = listing.header;
            let is_behind = header.cluster_id != delivered.cluster_id || header.revision < delivered.revision;
            self.lists_behind = if is_behind { self.lists_behind + 1 } else { 0 };
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
    pub(crate) fn take(&mut self, output: &Output, server: &Server, link: Link) -> bool {
        let connected_to = link.incarnation;
        match output {
            Output::Replace(listing) => {
                let outcome = self.mirror.replace(listing.clone(), moment());
                self.adopt(listing.header.revision, connected_to);
                self.lost.clear();
                self.check(&outcome, server);
            }
            Output::Change { revision, events } => {
                if !self.needs_a_read() {
                    let whole = server.transaction_of(self.incarnation, *revision);
                    assert_eq!(*events, whole, "revision {revision} is not one whole transaction");
                }
                assert!(*revision > self.revision, "revision {revision} is applied after {}", self.revision);
                let outcome = self.mirror.change(*revision, events.clone(), moment());
                self.revision = *revision;
                self.check(&outcome, server);
            }
            Output::Verify { listing, later } => {
                let outcome = self.mirror.verify(listing.clone(), later, moment());
                let may_repair =
                    self.needs_a_read() || !link.is_alive || std::mem::take(&mut self.was_overtaken);
                assert!(may_repair || outcome.repaired == 0, "repairs what the watch was about to deliver");
                self.adopt(self.revision.max(listing.header.revision), connected_to);
                self.lost.retain(|&revision| revision > listing.header.revision);
                self.check(&outcome, server);
                return outcome.repaired > 0;
            }
            Output::OpenWatch { from } => self.check_start(*from, connected_to, server),
            Output::Close => {
                self.told = None;
                self.heard_what_is = false;
            }
            Output::Report(report) => self.note(report),
            _ => {}
        }
        false
    }

    /// It must not call itself live when it cannot know.
    pub(crate) fn check_freshness(&self, heard_at: Instant, now: Instant) {
        let silence = now.saturating_duration_since(heard_at);
        assert!(!self.live || silence <= SILENCE_LIMIT, "live after {silence:?} of silence");
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

    /// What it shows must be a state that the server had.
    fn check(&self, outcome: &Outcome, server: &Server) {
        assert!(outcome.refused.is_empty(), "every document is well-formed: {:?}", outcome.refused);
        let snapshot = self.mirror.snapshot().expect("there is one after a step");
        if !self.needs_a_read() {
            let was = server.digest_at(self.incarnation, self.revision);
            assert_eq!(
                Some(snapshot.digest),
                was,
                "at {} of incarnation {}",
                self.revision,
                self.incarnation
            );
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
            Report::Stale { .. } => self.live = false,
            Report::ClusterChanged { .. } => {
                assert!(self.lists_behind > 3, "believes the server after {} lists", self.lists_behind);
                self.may_go_back = true;
            }
            _ => {}
        }
    }
}

fn moment() -> Moment {
    Moment { at: UnixMillis::new(1_800_000_000_000), lead: Duration::ZERO }
}
