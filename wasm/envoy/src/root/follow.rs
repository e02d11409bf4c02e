//! How an instance keeps up with the relay: it polls, or takes what the one that polls has shared.

use alloc::format;
use alloc::string::String;

use aldis_core::{DirectiveSet, UnixMillis};

use super::{InForce, count};
use crate::answer::{self, Answer, Fault};
use crate::config::{Config, Relay};
use crate::host::{Host, Level};
use crate::limits::{OLDER_ANSWERS, OLDER_MS, ROLL_MS};
use crate::poller::{Call, Poller};
use crate::record::Stamp;
use crate::shared::{News, Shared};
use crate::stats::{Counter, Gauge, Stats};

/// What one instance knows of the relay.
#[derive(Debug)]
pub(super) struct Follower {
    relay: Relay,
    shared: Shared,
    /// By which this instance is told from others; zero: it never polls.
    ticket: u64,
    /// For how long it may be silent while it polls.
    silence_ms: u64,
    poller: Poller,
    leads: bool,
    /// What is known of the image in force.
    stamp: Stamp,
    /// The version of its record.
    version: u32,
    /// How many answers in a row were older, and since when.
    older: Option<(u32, UnixMillis)>,
    /// Logged already; the same is not logged again.
    complaint: Option<Fault>,
}

/// What a good answer brings.
struct Good {
    set: Option<(DirectiveSet, Stamp)>,
    is_stale: bool,
}

impl Follower {
    pub(super) fn new(host: &impl Host, relay: Relay, config: &Config, ticket: u64) -> Self {
        let shared = Shared::of(&relay);
        shared.prepare(host);
        let now = host.now().map_or(0, UnixMillis::as_u64);
        let poller = Poller::new(&relay, config.refresh_ms, now ^ ticket.rotate_left(32));
        Self {
            relay,
            shared,
            ticket,
            silence_ms: config.silence_ms(),
            poller,
            leads: false,
            stamp: Stamp::default(),
            version: 0,
            older: None,
            complaint: None,
        }
    }

    pub(super) fn on_tick(
        &mut self,
        host: &impl Host,
        now: UnixMillis,
        stats: &mut Stats,
        in_force: &mut InForce,
    ) {
        match self.shared.news(host) {
            Some(news) if news.number != self.stamp.number => self.refresh(host, stats, in_force),
            Some(news) => self.agree(host, news, in_force),
            None => {}
        }
        if self.poller.give_up(now) {
            self.failed(host, now, Fault::Silence, stats);
        }
        self.poll(host, now, stats);
    }

    pub(super) fn on_answer(
        &mut self,
        host: &impl Host,
        now: UnixMillis,
        (token, len): (u32, usize),
        stats: &mut Stats,
        in_force: &mut InForce,
    ) {
        let Some(call) = self.poller.end(token) else { return };
        match self.judge(host, now, call, len) {
            Ok(Good { set, is_stale }) => {
                let changed = set.is_some();
                if let Some((set, stamp)) = set {
                    self.share(host, set, &stamp);
                    self.refresh(host, stats, in_force);
                }
                self.poller.succeeded(call, now, changed);
                self.shared.announce(host, self.stamp.number, in_force.latest.get());
                self.answered(host, now, changed, is_stale, stats);
            }
            Err(fault) => self.failed(host, now, fault, stats),
        }
        self.poll(host, now, stats);
    }

    pub(super) fn resign(&self, host: &impl Host) {
        if self.leads {
            self.shared.resign(host, self.ticket);
        }
    }

    /// Puts the image in force that is shared.
    pub(super) fn refresh(&mut self, host: &impl Host, stats: &mut Stats, in_force: &mut InForce) {
        let Some(taken) = self.shared.take(host) else { return stats.count(Counter::SetsRefused) };
        self.version = taken.version;
        if taken.stamp.number == self.stamp.number {
            return;
        }
        match DirectiveSet::from_image(taken.image) {
            Ok(set) => {
                let before = core::mem::replace(in_force, InForce::of(set, Some(taken.stamp.revision)));
                // The revision may be another one without a publish: that of a relay is from when it began.
                if taken.stamp.digest == self.stamp.digest {
                    in_force.time(before.latest.get());
                }
                self.stamp = taken.stamp;
                if let Some(news) = self.shared.news(host).filter(|news| news.number == self.stamp.number) {
                    self.agree(host, news, in_force);
                }
                stats.count(Counter::SetsLoaded);
                stats.show(host, Gauge::Revision, self.stamp.revision);
                stats.show(host, Gauge::Directives, count(&in_force.set));
            }
            // Whoever shared it had found it to be one.
            Err(_) => stats.count(Counter::SetsRefused),
        }
    }

    /// Has all instances, and those that are made later, decide by no earlier time than any did by the set of these news.
    fn agree(&self, host: &impl Host, news: News, in_force: &InForce) {
        let latest = in_force.time(news.latest);
        if latest.saturating_since(news.latest).as_millis() >= ROLL_MS.into() {
            self.shared.tell(host, News { latest, ..news });
        }
    }

    /// Sends a request if there is nobody else to do so, and it is time.
    fn poll(&mut self, host: &impl Host, now: UnixMillis, stats: &mut Stats) {
        let led = core::mem::replace(
            &mut self.leads,
            self.ticket != 0 && self.shared.leads(host, self.ticket, now, self.silence_ms),
        );
        if !self.leads {
            return;
        }
        if !led {
            stats.count(Counter::Elections);
        }
        if !self.poller.is_due(now) {
            return;
        }
        let conditional = self.stamp.number != 0;
        let mut headers = alloc::vec![
            (":method", "GET"),
            (":scheme", "http"),
            (":path", self.relay.path.as_str()),
            (":authority", self.relay.authority.as_str()),
            ("accept", "application/octet-stream"),
        ];
        if conditional {
            headers.push(("if-none-match", self.stamp.etag.as_str()));
        }
        let deadline = u32::try_from(self.poller.deadline_ms()).unwrap_or(u32::MAX);
        match host.call(&self.relay.cluster, &headers, deadline) {
            Some(token) => self.poller.begin(token, now, conditional),
            None => self.failed(host, now, Fault::NoCluster, stats),
        }
    }

    /// What an answer brings.
    fn judge(&mut self, host: &impl Host, now: UnixMillis, call: Call, len: usize) -> Result<Good, Fault> {
        let Answer { image, is_stale } = answer::read(&host.answer_headers(), len, call.conditional)?;
        let set = match image {
            Some(stamp) => {
                let set = DirectiveSet::from_image(host.answer_body(len)).map_err(Fault::Image)?;
                if self.stamp.number != 0 {
                    self.must_go_on(&stamp, is_stale, now)?;
                }
                Some((set, stamp))
            }
            None => None,
        };
        self.older = None;
        Ok(Good { set, is_stale })
    }

    /// Refuses what goes back within a cluster, a few times. Of a relay that is cut off, whatever does not go on from what
    /// is in force: it takes nothing back.
    fn must_go_on(&mut self, stamp: &Stamp, is_stale: bool, now: UnixMillis) -> Result<(), Fault> {
        let is_known = stamp.knows_cluster() && self.stamp.knows_cluster();
        let is_same_cluster = !is_known || stamp.cluster == self.stamp.cluster;
        let goes_back = is_same_cluster && stamp.revision < self.stamp.revision;
        if is_stale && (goes_back || !is_same_cluster) {
            return Err(Fault::Older);
        }
        if !goes_back {
            return Ok(());
        }
        let (times, since) = self.older.get_or_insert((0, now));
        *times = times.saturating_add(1);
        // A clock that was set back begins anew.
        *since = (*since).min(now);
        let lasts_for = now.saturating_since(*since).as_millis();
        if *times < OLDER_ANSWERS || lasts_for < OLDER_MS.into() { Err(Fault::Older) } else { Ok(()) }
    }

    /// Shares a set, unless somebody else shared another one meanwhile: then theirs counts, and the relay is asked again.
    fn share(&self, host: &impl Host, set: DirectiveSet, stamp: &Stamp) {
        let stamp = Stamp { number: self.stamp.number.wrapping_add(1), ..stamp.clone() };
        self.shared.put(host, set.into_image(), &stamp, self.version);
    }

    fn answered(
        &mut self,
        host: &impl Host,
        now: UnixMillis,
        changed: bool,
        is_stale: bool,
        stats: &mut Stats,
    ) {
        stats.count(if changed { Counter::PollsChanged } else { Counter::PollsUnchanged });
        if is_stale {
            stats.count(Counter::PollsStale);
        } else {
            stats.confirmed(host, now);
        }
        if self.complaint.take().is_some() {
            host.log(Level::Info, "aldis: the relay answers again");
        }
    }

    fn failed(&mut self, host: &impl Host, now: UnixMillis, fault: Fault, stats: &mut Stats) {
        self.poller.failed(now);
        stats.fault(fault);
        if self.complaint.replace(fault) != Some(fault) {
            let cluster: &String = &self.relay.cluster;
            host.log(Level::Warn, &format!("aldis: nothing new from the relay {cluster}: {fault}"));
        }
    }
}
