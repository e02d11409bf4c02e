//! What is open between the client and the server, and what is on its way.

use std::time::{Duration, Instant};

use aldis_etcd::kv::{Header, KvEntry, KvError, KvUpdate, Revision};
use aldis_etcd::watch::{Input, Output};

/// Until when something is out of order.
#[derive(Clone, Copy, Default)]
pub(crate) struct Until(Option<Instant>);

impl Until {
    pub(crate) fn new(until: Instant) -> Self {
        Self(Some(until))
    }

    /// Until then, or longer if it was to be longer.
    pub(crate) fn extend(&mut self, until: Instant) {
        self.0 = self.0.max(Some(until));
    }

    pub(crate) fn holds(self, now: Instant) -> bool {
        self.0.is_some_and(|until| now < until)
    }
}

/// What a connection swallows, for as long as it lives.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Hole {
    pub(crate) to_server: bool,
    pub(crate) to_client: bool,
}

impl Hole {
    pub(crate) const BOTH_WAYS: Self = Self { to_server: true, to_client: true };
}

/// The connection that is open, if any.
pub(crate) struct Connection {
    pub(crate) number: u64,
    pub(crate) endpoint: usize,
    pub(crate) incarnation: usize,
    /// Another was under way before.
    pub(crate) hole: Hole,
    /// It is broken, and the client has been told.
    pub(crate) is_broken: bool,
    /// Its token has expired.
    pub(crate) is_denied: bool,
    /// The call that is not answered yet.
    pub(crate) call: Option<u64>,
    /// The list that is being read.
    pub(crate) paging: Option<Paging>,
    pub(crate) watch: Option<ServerWatch>,
}

/// A list between two pages, as the backend holds it.
pub(crate) struct Paging {
    pub(crate) header: Option<Header>,
    pub(crate) entries: Vec<KvEntry>,
    /// How many entries make a page.
    pub(crate) size: usize,
    pub(crate) pages: usize,
    pub(crate) attempt: u32,
}

/// The server's side of a watch, and the pieces of a response that the client's side has.
pub(crate) struct ServerWatch {
    pub(crate) number: u64,
    pub(crate) next: Revision,
    pub(crate) is_over: bool,
    pub(crate) loses_next: bool,
    /// Nothing is delivered before.
    pub(crate) syncs_at: Instant,
    /// What the client's side has heard up to, as the backend counts.
    pub(crate) heard: Revision,
    /// The stream keeps its order.
    pub(crate) last_arrival: Instant,
    pub(crate) pieces: Vec<KvUpdate>,
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
    /// To the server: the next page of the list.
    NextPage,
    /// To the client.
    Answer(Input),
    /// To the client: a message of the watch beside the order of its stream, and of its fragments.
    Aside(Input),
    /// To the client: a page, and whether more follow; `None` if its revision is compacted.
    Page(Option<(Header, Vec<KvEntry>, bool)>),
    /// To the client: events, of which more follow.
    Piece(Vec<KvUpdate>),
    /// To the client: there is no leader any more, by the end of the stream or by a message on it.
    NoLeader(Input),
    /// The backend's own deadline of the call of this number.
    Deadline(u64),
    /// The client's keepalive has not been answered.
    Keepalive,
    /// The server has come to the watch.
    Sync,
}

impl What {
    pub(crate) fn is_for_the_server(&self) -> bool {
        matches!(self, Self::Call(_) | Self::NextPage)
    }

    pub(crate) fn is_for_the_client(&self) -> bool {
        !self.is_for_the_server() && !self.is_local()
    }

    /// It happens at one end, and goes over no link.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self, Self::Deadline(_) | Self::Keepalive | Self::Sync)
    }
}

pub(crate) fn failure(cause: &str) -> KvError {
    KvError::Failed { operation: "call", cause: cause.to_owned() }
}

pub(crate) fn denied() -> KvError {
    KvError::Denied { operation: "call", cause: "etcdserver: invalid auth token".to_owned() }
}

/// Milliseconds as a duration.
pub(crate) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
