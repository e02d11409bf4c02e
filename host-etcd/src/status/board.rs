//! Where the store's task writes, and everybody reads.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aldis_core::UnixMillis;
use tokio::sync::broadcast;

use super::readings::{STATES, readings, reason};
use super::{Change, Changes, State, Status};
use crate::clock::Clock;
use crate::kv::{Header, Key, Revision};
use crate::meter::StoreMeter;
use crate::mirror::{Refusal, Snapshot};

/// Changes that a subscriber may be behind before it misses some.
const BACKLOG: usize = 1024;

/// The status, and who wants to hear of its changes. Both change under one lock, so a subscriber knows exactly where its
/// stream starts. Nobody on a request's path comes here. What is written here is counted, too, after the lock.
#[derive(Debug)]
pub(crate) struct Board {
    clock: Arc<Clock>,
    meter: StoreMeter,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    status: Status,
    /// `None` once the store has stopped, which ends the streams.
    sender: Option<broadcast::Sender<Change>>,
}

impl Board {
    /// The board of the store of this name.
    pub(crate) fn new(clock: Arc<Clock>, name: String) -> Arc<Self> {
        let (sender, _) = broadcast::channel(BACKLOG);
        let status = Status {
            state: State::Starting,
            revision: None,
            digest: None,
            directives: 0,
            last_confirmed: None,
            confirmed_revision: None,
            stale_for: None,
            refused: BTreeMap::new(),
            reconnects: 0,
            cancels: 0,
            repairs: 0,
            panics: 0,
            sink_failures: 0,
            cluster_id: None,
            endpoint: None,
            last_error: None,
            state_refused: None,
        };
        let meter = StoreMeter::new(name);
        meter.changed(&STATES, None, readings(&status));
        Arc::new(Self { clock, meter, inner: Mutex::new(Inner { status, sender: Some(sender) }) })
    }

    /// The status now.
    pub(crate) fn status(&self) -> Status {
        let status = self.lock().status.clone();
        self.dated(status)
    }

    /// A stream that starts at the status now.
    pub(crate) fn subscribe(self: &Arc<Self>) -> Changes {
        let inner = self.lock();
        let receiver = match &inner.sender {
            Some(sender) => sender.subscribe(),
            None => broadcast::channel(1).1,
        };
        let status = inner.status.clone();
        drop(inner);
        Changes { status: self.dated(status), board: Arc::downgrade(self), receiver }
    }

    /// A snapshot is in force.
    pub(crate) fn applied(&self, snapshot: &Snapshot) {
        let (revision, digest, directives) = (snapshot.revision, snapshot.digest, snapshot.set.len());
        self.change(Change::Applied { revision, digest, directives }, |status| {
            status.revision = Some(revision);
            status.digest = Some(digest);
            status.directives = directives;
        });
        self.meter.snapshot_applied();
    }

    /// What is refused now, and which of it is new.
    pub(crate) fn refused(&self, all: BTreeMap<Key, Refusal>, new: Vec<(Key, Refusal)>) {
        self.update(|status| status.refused = all);
        for (key, refusal) in new {
            self.meter.document_refused(reason(&refusal.cause));
            self.change(Change::Refused { key, refusal }, |_| {});
        }
    }

    /// A sink did not take what it was given.
    pub(crate) fn sink_failed(&self, sink: &'static str, cause: &dyn fmt::Display) {
        self.update(|status| {
            status.sink_failures = status.sink_failures.saturating_add(1);
            status.last_error = Some(format!("{sink}: {cause}"));
        });
        self.meter.sink_failed(sink);
    }

    /// The watch has delivered changes of so many keys.
    pub(crate) fn delivered(&self, events: usize) {
        self.meter.events(events);
    }

    /// Another cluster is followed, or another incarnation of it.
    pub(crate) fn cluster_changed(&self, from: Header, to: Header) {
        self.change(Change::ClusterChanged { from, to }, |_| {});
        self.meter.cluster_changed();
    }

    pub(crate) fn confirmed(&self, revision: Revision) {
        let now = self.clock.now();
        self.update(|status| {
            status.last_confirmed = Some(now);
            status.confirmed_revision = Some(revision);
        });
    }

    pub(crate) fn live(&self) {
        self.change(Change::Live, |status| status.state = State::Live);
    }

    pub(crate) fn stale(&self, cause: String) {
        self.write(|inner| {
            inner.status.state = State::Stale;
            inner.status.last_error = Some(cause.clone());
            let since = inner.status.last_confirmed.unwrap_or_else(|| self.clock.now());
            inner.send(Change::Stale { since, cause });
        });
    }

    /// Tells a change and what it does to the status.
    pub(crate) fn change(&self, change: Change, update: impl FnOnce(&mut Status)) {
        self.write(|inner| {
            update(&mut inner.status);
            inner.send(change);
        });
    }

    /// Changes what nobody needs to be told of.
    pub(crate) fn update(&self, update: impl FnOnce(&mut Status)) {
        self.write(|inner| update(&mut inner.status));
    }

    /// Ends the streams.
    pub(crate) fn stopped(&self) {
        self.write(|inner| {
            inner.status.state = State::Stopped;
            inner.sender = None;
        });
    }

    /// Every way to change the status goes through here, and what has changed is counted: after the lock, so that a
    /// recorder holds nobody up. Should that of another thread come between, a gauge is right again with the next.
    fn write(&self, write: impl FnOnce(&mut Inner)) {
        let mut inner = self.lock();
        let before = readings(&inner.status);
        write(&mut inner);
        let after = readings(&inner.status);
        drop(inner);
        self.meter.changed(&STATES, Some(before), after);
    }

    fn dated(&self, mut status: Status) -> Status {
        status.stale_for = match (status.state, status.last_confirmed) {
            (State::Live, _) | (_, None) => None,
            (_, Some(confirmed)) => Some(self.age(confirmed)),
        };
        status
    }

    fn age(&self, point: UnixMillis) -> Duration {
        self.clock.now().saturating_since(point)
    }

    /// Every update leaves the status whole, so a panic of another holder leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn send(&self, change: Change) {
        if let Some(sender) = &self.sender {
            // Fails if nobody listens, which is fine.
            let _listeners = sender.send(change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> Arc<Board> {
        Board::new(Arc::new(Clock::system().expect("has a clock")), "test".to_owned())
    }

    #[tokio::test]
    async fn a_subscriber_hears_everything_after_its_status_and_nothing_before() {
        let board = board();
        board.live();
        let mut changes = board.subscribe();
        assert_eq!(changes.status().state, State::Live);
        board.stale("cut".to_owned());
        board.live();
        assert!(matches!(changes.next().await, Some(Change::Stale { cause, .. }) if cause == "cut"));
        assert_eq!(changes.next().await, Some(Change::Live));
    }

    #[tokio::test]
    async fn the_stream_ends_when_the_store_has_stopped_and_what_was_told_before_is_not_lost() {
        let board = board();
        let mut changes = board.subscribe();
        board.live();
        board.stopped();
        assert_eq!((changes.next().await, changes.next().await), (Some(Change::Live), None));
        assert_eq!(board.subscribe().next().await, None, "too late");
        assert_eq!(board.status().state, State::Stopped);
    }

    #[test]
    fn it_tells_how_long_it_has_been_stale_and_nothing_while_live() {
        let board = board();
        assert_eq!(board.status().stale_for, None, "never confirmed");
        board.confirmed(Revision::new(5));
        board.live();
        assert_eq!(board.status().stale_for, None);
        board.stale("cut".to_owned());
        std::thread::sleep(Duration::from_millis(20));
        let status = board.status();
        assert_eq!(status.last_error.as_deref(), Some("cut"), "whoever asks later is told why");
        assert!(status.stale_for.is_some_and(|age| age >= Duration::from_millis(15)), "{status:?}");
        assert_eq!(status.confirmed_revision, Some(Revision::new(5)));
    }
}
