//! How the world does what happens.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use aldis_etcd::kv::{Header, KvUpdate, Revision, WatchMessage};
use aldis_etcd::watch::Input;

use crate::link::{Hole, Parcel, Until, What, failure, millis};
use crate::tally::Fault;
use crate::time::YEAR;
use crate::weather::Happening;
use crate::world::World;

/// An hour, in milliseconds.
const HOUR: i64 = 3_600_000;

impl World {
    pub(crate) fn happen(&mut self, happening: Happening) {
        self.note(&happening);
        match happening {
            Happening::Write => self.write(3),
            Happening::ForeignWrite => self.write_foreign(),
            Happening::Fault(fault) => self.go_wrong(fault),
        }
        self.client.check_lifetimes();
    }

    fn go_wrong(&mut self, fault: Fault) {
        let until = Until::new(self.now + millis(self.random.u64(0..20_000)));
        let endpoint = self.random.usize(0..self.endpoints);
        match fault {
            Fault::Cut => self.cut(),
            Fault::Delay => self.troubles.slow = until,
            Fault::HoleBothWays => self.swallow(fault, Hole::BOTH_WAYS),
            Fault::HoleToServer => self.swallow(fault, Hole { to_server: true, to_client: false }),
            Fault::HoleToClient => self.swallow(fault, Hole { to_server: false, to_client: true }),
            Fault::SilentEndpoint => {
                self.troubles.silent[endpoint] = until;
                if self.connection.as_ref().is_some_and(|connection| connection.endpoint == endpoint) {
                    self.swallow(Fault::HoleBothWays, Hole::BOTH_WAYS);
                }
            }
            Fault::RefusingEndpoint => {
                self.troubles.refusing[endpoint] = until;
                if self.connection.as_ref().is_some_and(|connection| connection.endpoint == endpoint) {
                    self.cut();
                }
            }
            Fault::Replay => self.replay(),
            Fault::OtherOrder => {
                self.troubles.lagging[endpoint] = (until, self.random.u64(1..8));
                self.troubles.behind.extend(self.now + millis(30_000));
            }
            Fault::Compaction => {
                let last = self.server.header().revision.as_u64();
                let back = self.random.u64(0..10);
                self.server.compact(last.saturating_sub(back).max(1));
                self.pump();
            }
            Fault::Cancel => self.cancel(),
            Fault::CancelAtCreate => self.troubles.cancelling = until,
            Fault::LeaderLoss => self.lose_leader(until),
            Fault::StaleRead => self.troubles.stale = until,
            Fault::Restore | Fault::ReplacedSameId | Fault::ReplacedOtherId => self.replace_cluster(fault),
            Fault::PagedList => self.troubles.small_pages = until,
            Fault::ManyKeys => {
                self.tally.count(fault);
                self.write(self.keys.own.len());
            }
            Fault::Flood => {
                self.tally.count(fault);
                (0..self.random.usize(100..600)).for_each(|_| self.write(2));
            }
            Fault::ClockForward => self.step_clock(fault, 0..HOUR),
            Fault::ClockBack => self.step_clock(fault, -HOUR..0),
            Fault::ClockAstray => self.step_clock(fault, -10 * YEAR..10 * YEAR),
            Fault::Panic => self.panics = true,
            Fault::Pause => self.stand_still(),
            Fault::LostEvents => self.watch().into_iter().for_each(|watch| watch.loses_next = true),
            Fault::Overtaking => self.overtake(),
            Fault::Mute => self.troubles.mute = until,
            Fault::FailedCall => self.troubles.failing = until,
            Fault::Denied => match self.random.bool() {
                true => self.troubles.denying = until,
                false => self.connection.iter_mut().for_each(|connection| connection.is_denied = true),
            },
            Fault::ForeignKey => self.troubles.foreign = until,
            other => panic!("{other:?} comes of other faults"),
        }
    }

    /// One transaction on up to so many keys.
    pub(crate) fn write(&mut self, most: usize) {
        if self.troubles.leaderless.holds(self.now) {
            return;
        }
        let mut changes = BTreeMap::new();
        for _ in 0..self.random.usize(1..=most) {
            let key = self.random.choice(&self.keys.own).expect("there are some").clone();
            let puts = self.random.u8(0..4) > 0;
            let document = puts.then(|| self.author.write(&mut self.random, self.hands.true_time()));
            if document.as_deref().is_some_and(|document| !crate::documents::is_good(document)) {
                self.tally.count(Fault::Malformed);
            }
            changes.insert(key, document);
        }
        if self.random.u8(0..4) == 0 {
            changes.insert(self.keys.foreign[0].clone(), None);
        }
        self.server.transact(changes);
        self.pump();
    }

    pub(crate) fn write_foreign(&mut self) {
        self.server.transact(BTreeMap::from([(self.keys.foreign[0].clone(), None)]));
        self.pump();
    }

    fn cut(&mut self) {
        let Some(connection) = self.connection.as_mut().filter(|connection| !connection.is_broken) else {
            return;
        };
        let has_pieces = connection.watch.as_ref().is_some_and(|watch| !watch.pieces.is_empty());
        self.tally.count(Fault::Cut);
        if has_pieces {
            self.tally.count(Fault::CutBetweenFragments);
        }
        self.break_off("connection reset");
    }

    /// The stream ends, or the call under way fails.
    pub(crate) fn break_off(&mut self, cause: &str) {
        let Some(connection) = &mut self.connection else { return };
        connection.is_broken = true;
        match connection.watch.is_some() {
            true => self.tell(Input::StreamEnded(Some(failure(cause)))),
            false => self.tell(Input::CallFailed(failure(cause))),
        }
    }

    /// Where something still sends, its keepalive may notice within nine seconds; or may not, if only this stream is
    /// lost.
    fn swallow(&mut self, fault: Fault, hole: Hole) {
        let notices = self.random.bool().then(|| self.now + millis(self.random.u64(6_000..9_000)));
        let number = self.number();
        let Some(connection) = &mut self.connection else { return };
        connection.hole.to_server |= hole.to_server;
        connection.hole.to_client |= hole.to_client;
        self.tally.count(fault);
        if let Some(at) = notices {
            let parcel = Parcel { connection: connection.number, watch: None, what: What::Keepalive };
            self.parcels.insert((at, number), parcel);
        }
    }

    fn cancel(&mut self) {
        let header = self.server.header();
        let reasons = ["", "etcdserver: permission denied", "etcdserver: invalid auth token"];
        let reason = (*self.random.choice(&reasons).expect("there are some")).to_owned();
        if let Some(watch) = self.watch() {
            watch.is_over = true;
            self.tally.count(Fault::Cancel);
            self.say(WatchMessage::Canceled { header, compacted: None, reason });
        }
    }

    /// Calls fail from now on, and the watch ends after some seconds: by a cancel, or by the end of its stream.
    fn lose_leader(&mut self, until: Until) {
        self.troubles.leaderless = until;
        self.tally.count(Fault::LeaderLoss);
        let Some(connection) = &self.connection else { return };
        let Some(watch) = &connection.watch else { return };
        let header = self.server.header();
        let what = What::NoLeader(match self.random.bool() {
            true => Input::StreamEnded(Some(failure("etcdserver: no leader"))),
            false => {
                let reason = "etcdserver: no leader".to_owned();
                Input::Message(WatchMessage::Canceled { header, compacted: None, reason })
            }
        });
        let parcel = Parcel { connection: connection.number, watch: Some(watch.number), what };
        let key = (self.now + millis(self.random.u64(4_000..8_000)), self.number());
        self.parcels.insert(key, parcel);
    }

    /// Old transactions, whole and in part, and keys of others.
    fn replay(&mut self) {
        let (header, incarnation) = (self.server.header(), self.server.incarnation());
        let Some(sent) = self.watch().map(|watch| watch.next.as_u64()) else { return };
        let past = sent.saturating_sub(self.random.u64(1..20));
        let revisions = (past..=past + 2).filter(|&revision| revision < sent).map(Revision::new);
        let mut events: Vec<KvUpdate> =
            revisions.flat_map(|revision| self.server.transaction(incarnation, revision).to_vec()).collect();
        if !events.is_empty() {
            self.tally.count(Fault::Replay);
        }
        let key = self.random.choice(&self.keys.foreign).expect("there are some").clone();
        events.push(KvUpdate::Delete { key, mod_revision: Revision::new(1_000_000) });
        self.tally.count(Fault::ForeignKey);
        if self.random.bool() {
            return self.say(WatchMessage::Events(header, events));
        }
        // Again and again, of what it has long had: the link is busy, and nothing is confirmed.
        let Some(delivered) = self.client.watch.delivered() else { return };
        events.retain(|event| event.mod_revision() <= delivered.revision);
        for second in 1..20 {
            self.say_later(millis(second * 1_000), WatchMessage::Events(header, events.clone()));
        }
    }

    /// A message beside the order of the stream.
    fn say_later(&mut self, delay: Duration, message: WatchMessage) {
        let Some(connection) = &self.connection else { return };
        let Some(watch) = connection.watch.as_ref().filter(|watch| !watch.is_over) else { return };
        let what = What::Aside(Input::Message(message));
        let parcel = Parcel { connection: connection.number, watch: Some(watch.number), what };
        let key = (self.now + delay, self.number());
        self.parcels.insert(key, parcel);
    }

    /// A progress notification that arrives before the events it speaks for.
    fn overtake(&mut self) {
        self.write(3);
        let header: Header = self.server.header();
        if self.watch().is_none_or(|watch| watch.is_over) {
            return;
        }
        self.say_later(Duration::ZERO, WatchMessage::Progress(header));
        self.tally.count(Fault::Overtaking);
        self.troubles.behind.extend(self.now + millis(5_000));
    }

    fn replace_cluster(&mut self, fault: Fault) {
        let header = self.server.header();
        let last = header.revision.as_u64();
        let (to, cluster_id) = match fault {
            Fault::ReplacedSameId => (1, header.cluster_id),
            Fault::ReplacedOtherId => (1, header.cluster_id + 1),
            _ => (last.saturating_sub(self.random.u64(0..40)), header.cluster_id),
        };
        self.tally.count(fault);
        self.server.restore(to, cluster_id);
        self.cut();
        self.connection.iter_mut().for_each(|connection| connection.hole = Hole::BOTH_WAYS);
    }

    fn stand_still(&mut self) {
        self.tally.count(Fault::Pause);
        let pause = millis(self.random.u64(0..60_000));
        self.move_to(self.now + pause);
        self.client.stood_still(self.now);
        self.troubles.behind.extend(self.now + millis(5_000));
        // What has arrived meanwhile and what is due meanwhile race.
        if self.random.bool() {
            self.tell(Input::TimerFired);
        }
    }

    /// The wall clock is set by so many milliseconds.
    pub(crate) fn step_clock(&mut self, fault: Fault, by: Range<i64>) {
        let error = self.hands.error() + self.random.i64(by);
        self.set_clock(fault, error.clamp(-10 * YEAR, 10 * YEAR));
    }

    pub(crate) fn set_clock(&mut self, fault: Fault, error: i64) {
        self.tally.count(fault);
        self.hands.set_wrong_by(error);
        self.client.lifetimes.step();
    }
}
