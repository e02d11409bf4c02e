//! Server, link and client in virtual time.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use aldis_etcd::kv::{Key, Scope};
use aldis_etcd::watch::{Input, Output};
use fastrand::Rng;

use crate::bounds::{CONNECTS, SLOWEST};
use crate::client::{Client, Link};
use crate::documents::Author;
use crate::link::{Connection, Hole, Parcel, Until, What, failure, millis};
use crate::server::Server;
use crate::tally::{Fault, Tally};
use crate::time::Hands;
use crate::trace::Trace;

/// What is out of order at present, and until when.
#[derive(Clone, Default)]
pub(crate) struct Troubles {
    /// By endpoint.
    pub(crate) refusing: Vec<Until>,
    pub(crate) silent: Vec<Until>,
    /// By endpoint: how many revisions it is behind.
    pub(crate) lagging: Vec<(Until, u64)>,
    pub(crate) slow: Until,
    pub(crate) failing: Until,
    pub(crate) denying: Until,
    pub(crate) leaderless: Until,
    pub(crate) stale: Until,
    pub(crate) mute: Until,
    pub(crate) cancelling: Until,
    pub(crate) small_pages: Until,
    pub(crate) foreign: Until,
    /// A list may tell more than the watch for so long.
    pub(crate) behind: Until,
}

impl Troubles {
    fn none(endpoints: usize) -> Self {
        Self {
            refusing: vec![Until::default(); endpoints],
            silent: vec![Until::default(); endpoints],
            lagging: vec![(Until::default(), 0); endpoints],
            ..Self::default()
        }
    }
}

/// Everything.
pub(crate) struct World {
    pub(crate) now: Instant,
    began: Instant,
    pub(crate) random: Rng,
    pub(crate) hands: Hands,
    pub(crate) author: Author,
    pub(crate) server: Server,
    pub(crate) client: Client,
    pub(crate) keys: Keys,
    pub(crate) connection: Option<Connection>,
    numbers: u64,
    pub(crate) parcels: BTreeMap<(Instant, u64), Parcel>,
    pub(crate) troubles: Troubles,
    pub(crate) endpoints: usize,
    /// The servers answer for progress before they have delivered what was, as etcd before 3.4.25 and 3.5.8.
    pub(crate) is_old: bool,
    /// No fault happens but those that last.
    pub(crate) is_calm: bool,
    pub(crate) panics: bool,
    /// When it has connected lately.
    connects: VecDeque<Instant>,
    steps: u64,
    ceiling: u64,
    pub(crate) tally: Tally,
    pub(crate) trace: Trace,
}

/// The keys that are written, in the scope and beside it.
pub(crate) struct Keys {
    pub(crate) own: Vec<Key>,
    pub(crate) foreign: Vec<Key>,
}

/// A prefix, or a single key.
fn scope(random: &mut Rng) -> (Scope, Keys) {
    let keys = |names: &[&str]| names.iter().map(|&name| Key::from(name)).collect();
    match random.u8(0..4) {
        0 => (Scope::parse("d/2"), Keys { own: keys(&["d/2"]), foreign: keys(&["d/", "d/1", "d/20", "e"]) }),
        _ => {
            let own = (0..12).map(|number| Key::from(format!("d/{number}").as_str())).collect();
            (Scope::parse("d/"), Keys { own, foreign: keys(&["d", "d0", "c/1", "e/1"]) })
        }
    }
}

impl World {
    pub(crate) fn new(seed: u64, ceiling: u64, trace: Trace) -> Self {
        let mut random = Rng::with_seed(seed);
        let now = Instant::now();
        let endpoints = random.usize(1..4);
        let (scope, keys) = scope(&mut random);
        let hands = Hands::default();
        let is_old = random.u8(0..3) == 0;
        Self {
            now,
            began: now,
            client: Client::new(scope.clone(), endpoints, random.u64(..), now, hands.clone()),
            random,
            hands,
            author: Author::default(),
            server: Server::new(scope),
            keys,
            connection: None,
            numbers: 0,
            parcels: BTreeMap::new(),
            troubles: Troubles::none(endpoints),
            endpoints,
            is_old,
            is_calm: false,
            panics: false,
            connects: VecDeque::new(),
            steps: 0,
            ceiling,
            tally: Tally::default(),
            trace,
        }
    }

    /// How long it has been going on.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.began
    }

    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// Lets time pass up to `end`, or until `done`; whether it was done.
    pub(crate) fn until(&mut self, end: Instant, done: impl Fn(&Self) -> bool) -> bool {
        loop {
            if done(self) {
                return true;
            }
            self.steps += 1;
            assert!(self.steps < self.ceiling, "a livelock");
            let arrival = self.parcels.first_key_value().map(|((at, _), _)| *at);
            let next = arrival.unwrap_or(end).min(self.client.watch.deadline()).max(self.now);
            if next >= end {
                self.move_to(self.now.max(end));
                return done(self);
            }
            self.move_to(next);
            match arrival {
                Some(at) if at <= next => self.arrive(),
                _ => self.tell(Input::TimerFired),
            }
            self.client.check_time(self.now);
        }
    }

    pub(crate) fn move_to(&mut self, now: Instant) {
        self.now = now;
        self.hands.move_to(u64::try_from(self.elapsed().as_millis()).expect("small"));
    }

    /// Does what the client wants, as its driver would.
    pub(crate) fn obey(&mut self) {
        while let Some(output) = self.client.watch.poll_output() {
            self.note(&output);
            let link = self.link();
            if self.client.take(&output, &self.server, &self.author, link, self.now) {
                self.client.watch.handle(Input::Diverged, self.now);
            }
            match output {
                Output::Connect { endpoint } => self.connect(endpoint),
                Output::Close => self.connection = None,
                Output::CloseWatch => self.close_watch(),
                Output::Head | Output::List | Output::OpenWatch { .. } | Output::RequestProgress => {
                    self.call(output);
                }
                _ => {}
            }
        }
    }

    fn link(&self) -> Link {
        let is_behind = self.troubles.behind.holds(self.now);
        self.connection.as_ref().map_or(Link { incarnation: 0, is_behind: true }, |connection| Link {
            incarnation: connection.incarnation,
            is_behind: is_behind || connection.is_broken || connection.hole != Hole::default(),
        })
    }

    fn connect(&mut self, endpoint: usize) {
        assert!(self.connection.is_none(), "connects without having closed");
        self.check_courtesy();
        let number = self.number();
        let is_silent = self.troubles.silent[endpoint].holds(self.now);
        let is_refused = self.troubles.refusing[endpoint].holds(self.now);
        self.connection = Some(Connection {
            number,
            endpoint,
            incarnation: self.server.incarnation(),
            hole: if is_silent { Hole::BOTH_WAYS } else { Hole::default() },
            is_broken: false,
            is_denied: false,
            call: None,
            paging: None,
            watch: None,
        });
        match (is_silent, is_refused) {
            (true, _) => self.tally.count(Fault::SilentEndpoint),
            (false, true) => self.tally.count(Fault::RefusingEndpoint),
            (false, false) => {}
        }
        self.answer(match is_refused {
            true => Input::CallFailed(failure("connection refused")),
            false => Input::Connected,
        });
    }

    fn check_courtesy(&mut self) {
        self.connects.push_back(self.now);
        self.connects.retain(|&at| self.now - at < Duration::from_secs(5));
        let most = CONNECTS * self.endpoints;
        assert!(self.connects.len() <= most, "connects {} times in five seconds", self.connects.len());
    }

    fn close_watch(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.watch = None;
            // Calls under way are dropped with it.
            (connection.call, connection.paging) = (None, None);
            let number = connection.number;
            self.parcels.retain(|_, parcel| parcel.connection != number);
        }
    }

    /// Sends to the client.
    pub(crate) fn answer(&mut self, input: Input) {
        self.post(What::Answer(input));
    }

    /// Sends over the open connection, either way.
    pub(crate) fn post(&mut self, what: What) {
        let Some(connection) = &self.connection else { return };
        let parcel = Parcel { connection: connection.number, watch: None, what };
        self.send(parcel, self.now);
    }

    pub(crate) fn send(&mut self, parcel: Parcel, not_before: Instant) -> Instant {
        let is_slow = self.troubles.slow.holds(self.now);
        let slowest = match (self.is_calm, is_slow) {
            (true, _) => millis(20),
            (false, false) => millis(400),
            (false, true) => {
                self.tally.count(Fault::Delay);
                SLOWEST
            }
        };
        let micros = u64::try_from(slowest.as_micros()).expect("small");
        let at = (self.now + Duration::from_micros(self.random.u64(0..micros))).max(not_before);
        if is_slow {
            self.troubles.behind.extend(at + millis(10_000));
        }
        let key = (at, self.number());
        self.parcels.insert(key, parcel);
        at
    }

    /// When the last arrives of what is on its way now.
    pub(crate) fn delayed_until(&self) -> Option<Instant> {
        let delayed = self.parcels.iter().filter(|(_, parcel)| !parcel.what.is_local());
        delayed.map(|((at, _), _)| *at).max()
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(crate) fn note(&mut self, what: &impl std::fmt::Debug) {
        let at = self.elapsed();
        self.trace.note(at, what);
    }
}
