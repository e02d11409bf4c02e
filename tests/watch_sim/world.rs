//! Server, link and client in virtual time.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use aldis_etcd::kv::{Header, KvError, KvUpdate, Revision, WatchMessage};
use aldis_etcd::watch::{Input, Output};
use fastrand::Rng;

use crate::client::{Client, Link};
use crate::server::{SCOPE, Server};
use crate::weather;

/// How long faults go on.
const FAULTS: Duration = Duration::from_secs(180);

/// How long convergence may take once they stop.
const CONVERGENCE: Duration = Duration::from_secs(15);

/// How much longer if there are endpoints that stay silent for good, which are tried before the healthy one.
const SILENT_ROUND: Duration = Duration::from_secs(7);

/// Until a verifying read is over, where nothing else can tell.
const VERIFICATION: Duration = Duration::from_secs(80);

/// The backend's own deadline of each call on a connection.
const CALL_LIMIT: Duration = Duration::from_secs(5);

/// Steps of one run. A usual run has a few thousand.
const STEP_CEILING: usize = 60_000;

/// Lines of the trace that are shown.
const TRACED: usize = 60;

/// Until when something is out of order.
#[derive(Clone, Copy, Default)]
pub(crate) struct Until(pub(crate) Option<Instant>);

impl Until {
    fn holds(self, now: Instant) -> bool {
        self.0.is_some_and(|until| now < until)
    }
}

/// The connection that is open, if any.
pub(crate) struct Connection {
    pub(crate) number: u64,
    pub(crate) endpoint: usize,
    pub(crate) incarnation: usize,
    /// It will never say anything again.
    pub(crate) is_dead: bool,
    /// The call that is not answered yet.
    pub(crate) call: Option<u64>,
    pub(crate) watch: Option<ServerWatch>,
}

/// The server's side of a watch.
pub(crate) struct ServerWatch {
    pub(crate) number: u64,
    pub(crate) next: Revision,
    pub(crate) is_over: bool,
    pub(crate) loses_next: bool,
    /// The stream keeps its order.
    pub(crate) last_arrival: Instant,
}

/// Something on its way.
pub(crate) struct Parcel {
    pub(crate) connection: u64,
    pub(crate) watch: Option<u64>,
    pub(crate) what: What,
}

pub(crate) enum What {
    /// To the server.
    Call(Output),
    /// To the client.
    Answer(Input),
    /// The backend's own deadline of the call of this number.
    Deadline(u64),
}

/// How a run came to its end.
pub(crate) struct Convergence {
    /// From the end of the faults.
    pub(crate) took: Duration,
    /// Whether nothing but a verifying read could tell that something was wrong.
    pub(crate) needed_a_read: bool,
}

/// Everything.
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) began: Instant,
    pub(crate) random: Rng,
    pub(crate) server: Server,
    pub(crate) client: Client,
    pub(crate) connection: Option<Connection>,
    pub(crate) numbers: u64,
    pub(crate) parcels: BTreeMap<(Instant, u64), Parcel>,
    pub(crate) refusing: Vec<Until>,
    pub(crate) silent: Vec<Until>,
    pub(crate) failing: Until,
    pub(crate) stale: Until,
    pub(crate) mute: Until,
    pub(crate) is_calm: bool,
    pub(crate) panics: bool,
    /// When it has connected lately.
    connects: VecDeque<Instant>,
    pub(crate) heard_at: Instant,
    steps: usize,
    trace: Vec<String>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let now = Instant::now();
        let endpoints = random.usize(1..4);
        Self {
            now,
            began: now,
            client: Client::new(endpoints, random.u64(..), now),
            random,
            server: Server::new(),
            connection: None,
            numbers: 0,
            parcels: BTreeMap::new(),
            refusing: vec![Until::default(); endpoints],
            silent: vec![Until::default(); endpoints],
            failing: Until::default(),
            stale: Until::default(),
            mute: Until::default(),
            is_calm: false,
            panics: false,
            connects: VecDeque::new(),
            heard_at: now,
            steps: 0,
            trace: Vec::new(),
        }
    }

    /// First anything, then calm.
    pub(crate) fn run(&mut self) -> Convergence {
        self.obey();
        let end = self.now + FAULTS;
        while self.now < end {
            let (pause, happening) = weather::next(&mut self.random, self.refusing.len());
            self.until(self.now + pause, |_| false);
            self.happen(happening);
        }
        self.calm_down();
        let (calm, needs_a_read) = (self.now, self.client.needs_a_read());
        let mut limit = if needs_a_read { CONVERGENCE + VERIFICATION } else { CONVERGENCE };
        if self.silent.iter().any(|silent| silent.holds(calm)) {
            limit += SILENT_ROUND;
        }
        let converged = self.until(calm + limit, |world| world.client.is_up_to_date(&world.server));
        assert!(converged, "has not converged {limit:?} after the faults have stopped");
        let took = self.now - calm;
        // Nothing is left that could still end this watch: a link that died before the calm is noticed by now.
        self.until(calm + limit, |_| false);
        self.write(true);
        let heard =
            self.until(self.now + Duration::from_secs(1), |world| world.client.is_up_to_date(&world.server));
        assert!(heard, "is deaf to a change in calm weather");
        Convergence { took, needed_a_read: needs_a_read }
    }

    /// What happened, the latest last.
    pub(crate) fn trace(&self) -> &[String] {
        self.trace.get(self.trace.len().saturating_sub(TRACED)..).unwrap_or_default()
    }

    /// Lets time pass up to `end`, or until `done`; whether it was done.
    fn until(&mut self, end: Instant, done: impl Fn(&Self) -> bool) -> bool {
        loop {
            if done(self) {
                return true;
            }
            self.steps += 1;
            assert!(self.steps < STEP_CEILING, "a livelock");
            let arrival = self.parcels.first_key_value().map(|((at, _), _)| *at);
            let next = arrival.unwrap_or(end).min(self.client.watch.deadline()).max(self.now);
            if next >= end {
                self.now = self.now.max(end);
                return done(self);
            }
            self.now = next;
            match arrival {
                Some(at) if at <= next => self.arrive(),
                _ => self.tell(Input::TimerFired),
            }
            self.client.check_freshness(self.heard_at, self.now);
        }
    }

    fn arrive(&mut self) {
        let Some((_, parcel)) = self.parcels.pop_first() else { return };
        let Some(connection) = self.connection.as_ref().filter(|one| one.number == parcel.connection) else {
            return;
        };
        let watch = connection.watch.as_ref().map(|watch| watch.number);
        if let What::Deadline(call) = parcel.what {
            if connection.call == Some(call) {
                self.tell(Input::CallFailed(failure("no answer in time")));
            }
            return;
        }
        if connection.is_dead || (parcel.watch.is_some() && parcel.watch != watch) {
            return;
        }
        match parcel.what {
            What::Call(call) => self.serve(&call),
            What::Answer(input) => {
                self.heard_at = self.now;
                self.tell(input);
            }
            What::Deadline(_) => {}
        }
    }

    pub(crate) fn tell(&mut self, input: Input) {
        if let (
            Input::Head(_)
            | Input::Listed(_)
            | Input::CallFailed(_)
            | Input::Message(WatchMessage::Created(_)),
            Some(connection),
        ) = (&input, &mut self.connection)
        {
            connection.call = None;
        }
        self.note(&input);
        self.client.hears(&input);
        self.client.watch.handle(input, self.now);
        if std::mem::take(&mut self.panics) {
            // What the machine has just handed out is lost.
            self.connection = None;
            self.client.watch.handle(Input::Panicked, self.now);
        }
        self.obey();
    }

    /// Does what the client wants, as its driver would.
    fn obey(&mut self) {
        while let Some(output) = self.client.watch.poll_output() {
            self.note(&output);
            let link =
                self.connection.as_ref().map_or(Link { incarnation: 0, is_alive: false }, |connection| {
                    Link { incarnation: connection.incarnation, is_alive: !connection.is_dead }
                });
            if self.client.take(&output, &self.server, link) {
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

    fn connect(&mut self, endpoint: usize) {
        assert!(self.connection.is_none(), "connects without having closed");
        self.check_courtesy();
        let number = self.number();
        let is_silent = self.silent[endpoint].holds(self.now);
        let incarnation = self.server.incarnation();
        self.connection =
            Some(Connection { number, endpoint, incarnation, is_dead: is_silent, call: None, watch: None });
        let answer = match self.refusing[endpoint].holds(self.now) {
            true => Input::CallFailed(failure("connection refused")),
            false => Input::Connected,
        };
        self.answer(answer);
    }

    /// Faults come in bursts, and a full jitter may be short, but not again and again.
    fn check_courtesy(&mut self) {
        self.connects.push_back(self.now);
        self.connects.retain(|&at| self.now - at < Duration::from_secs(5));
        let most = 12 * self.refusing.len();
        assert!(self.connects.len() <= most, "connects {} times in five seconds", self.connects.len());
    }

    fn close_watch(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.watch = None;
            // Calls under way are dropped with it.
            let number = connection.number;
            self.parcels.retain(|_, parcel| parcel.connection != number);
        }
    }

    fn call(&mut self, call: Output) {
        let number = self.number();
        let Some(connection) = &mut self.connection else { panic!("{call:?} without a connection") };
        if call != Output::RequestProgress {
            connection.call = Some(number);
            let deadline =
                Parcel { connection: connection.number, watch: None, what: What::Deadline(number) };
            self.parcels.insert((self.now + CALL_LIMIT, number), deadline);
        }
        let parcel = Parcel { connection: connection.number, watch: None, what: What::Call(call) };
        self.send(parcel, self.now);
    }

    /// The server's side of a call.
    fn serve(&mut self, call: &Output) {
        if self.failing.holds(self.now) && *call != Output::RequestProgress {
            return self.answer(Input::CallFailed(failure("the server is unwell")));
        }
        match call {
            Output::Head => self.answer(Input::Head(self.server.header())),
            Output::List => {
                let back = if self.stale.holds(self.now) { self.random.u64(0..6) } else { 0 };
                self.answer(Input::Listed(self.server.listing(back)));
            }
            Output::OpenWatch { from } => {
                let number = self.number();
                let watch = ServerWatch {
                    number,
                    next: *from,
                    is_over: false,
                    loses_next: false,
                    last_arrival: self.now,
                };
                if let Some(connection) = &mut self.connection {
                    connection.watch = Some(watch);
                }
                self.say(WatchMessage::Created(self.server.header()));
                self.pump();
            }
            _ if !self.mute.holds(self.now) => {
                self.pump();
                self.say(WatchMessage::Progress(self.server.header()));
            }
            _ => {}
        }
    }

    /// Sends the watch what it has not been sent yet.
    pub(crate) fn pump(&mut self) {
        let header = self.server.header();
        let Some(watch) = self.connection.as_mut().and_then(|connection| connection.watch.as_mut()) else {
            return;
        };
        if watch.is_over || watch.next > header.revision {
            return;
        }
        if watch.next < self.server.compacted() {
            watch.is_over = true;
            let compacted = Some(self.server.compacted());
            return self.say(WatchMessage::Canceled { header, compacted, reason: String::new() });
        }
        let mut batch = Vec::new();
        while watch.next <= header.revision {
            let events = self.server.transaction(watch.next);
            if !events.is_empty() && std::mem::take(&mut watch.loses_next) {
                self.client.loses(watch.next);
            } else {
                batch.extend(events);
            }
            watch.next = watch.next.next();
        }
        if let Some(last) = batch.last().map(KvUpdate::mod_revision) {
            self.say(WatchMessage::Events(Header { revision: last, ..header }, batch));
        }
    }

    pub(crate) fn write(&mut self, in_scope: bool) {
        let mut keys = BTreeMap::new();
        for _ in 0..self.random.usize(1..4) {
            let key = self.random.u8(0..6);
            keys.insert(
                format!("{}{key}", if in_scope { SCOPE } else { "other/" }),
                self.random.u8(0..4) > 0,
            );
        }
        self.server.transact(&keys);
        self.pump();
    }

    fn answer(&mut self, input: Input) {
        let Some(connection) = &self.connection else { return };
        let parcel = Parcel { connection: connection.number, watch: None, what: What::Answer(input) };
        self.send(parcel, self.now);
    }

    /// Sends on the stream, which keeps its order.
    pub(crate) fn say(&mut self, message: WatchMessage) {
        let Some(connection) = &self.connection else { return };
        let Some(watch) = &connection.watch else { return };
        let parcel = Parcel {
            connection: connection.number,
            watch: Some(watch.number),
            what: What::Answer(Input::Message(message)),
        };
        let at = self.send(parcel, watch.last_arrival);
        if let Some(watch) = self.connection.as_mut().and_then(|connection| connection.watch.as_mut()) {
            watch.last_arrival = at;
        }
    }

    fn send(&mut self, parcel: Parcel, not_before: Instant) -> Instant {
        let slowest = if self.is_calm { 20_000 } else { 400_000 };
        let at = (self.now + Duration::from_micros(self.random.u64(0..slowest))).max(not_before);
        let key = (at, self.number());
        self.parcels.insert(key, parcel);
        at
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(crate) fn note(&mut self, what: &impl std::fmt::Debug) {
        // Instants differ from run to run, and values are long.
        let text = format!("{what:?}");
        let text = text.split("since: Instant").next().unwrap_or_default();
        let text: Vec<&str> = text
            .split(", value: [")
            .enumerate()
            .map(
                |(place, part)| {
                    if place == 0 { part } else { part.split_once(']').map_or("", |(_, rest)| rest) }
                },
            )
            .collect();
        self.trace.push(format!("{:?} {}", self.now - self.began, text.concat()));
    }
}

pub(crate) fn failure(cause: &str) -> KvError {
    KvError::Failed { operation: "call", cause: cause.to_owned() }
}
