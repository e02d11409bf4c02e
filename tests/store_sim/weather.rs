//! What is out of order, where the link and the run both see it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aldis_etcd::kv::WatchMessage;
use fastrand::Rng;
use sim::{Fault, Tally};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::cluster::Cluster;

/// What is sent to the client arrives at points of this grid, in milliseconds: messages of a watch on it, answers to
/// calls half a step beside it. Both at once would leave it to chance which comes first, and no seed would replay.
pub(crate) const GRID: u64 = 4;

/// Shared by the run, the link and the observer.
pub(crate) type Shared = Arc<World>;

pub(crate) struct World {
    state: Mutex<Weather>,
    began: Instant,
}

/// Until when something is out of order.
pub(crate) type Until = Option<Instant>;

pub(crate) struct Weather {
    pub(crate) random: Rng,
    pub(crate) cluster: Cluster,
    pub(crate) tally: Tally,
    pub(crate) is_calm: bool,
    pub(crate) refusing: Vec<Until>,
    pub(crate) silent: Vec<Until>,
    pub(crate) slow: Until,
    pub(crate) failing: Until,
    pub(crate) leaderless: Until,
    pub(crate) stale: Until,
    pub(crate) mute: Until,
    pub(crate) loses_next: bool,
    pub(crate) panics: bool,
    /// What the open watch is to say beside what its cluster says.
    pub(crate) injected: VecDeque<WatchMessage>,
    /// The connection that was opened last.
    pub(crate) open: Option<Open>,
    /// When the server last said what is.
    pub(crate) heard_at: Instant,
    /// The watch has been kept from something that only a read can tell.
    pub(crate) needs_a_read: bool,
    /// What happened, for a replay.
    pub(crate) told: Vec<String>,
    /// What did not hold.
    pub(crate) violation: Option<String>,
}

/// A connection, as seen from outside.
pub(crate) struct Open {
    pub(crate) endpoint: usize,
    pub(crate) hole: Hole,
    /// Told when it breaks, and when there is something to inject.
    pub(crate) news: watch::Sender<bool>,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Hole {
    pub(crate) to_server: bool,
    pub(crate) to_client: bool,
}

impl World {
    pub(crate) fn new(seed: u64, endpoints: usize) -> Shared {
        let weather = Weather {
            random: Rng::with_seed(seed),
            cluster: Cluster::new(),
            tally: Tally::default(),
            is_calm: false,
            refusing: vec![None; endpoints],
            silent: vec![None; endpoints],
            slow: None,
            failing: None,
            leaderless: None,
            stale: None,
            mute: None,
            loses_next: false,
            panics: false,
            injected: VecDeque::new(),
            open: None,
            heard_at: Instant::now(),
            needs_a_read: false,
            told: Vec::new(),
            violation: None,
        };
        Arc::new(Self { state: Mutex::new(weather), began: Instant::now() })
    }

    /// A panic that was asked for may have come while it was held.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Weather> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn tell(&self, what: &impl std::fmt::Debug) {
        let line = format!("{:?} {what:?}", self.elapsed());
        self.lock().told.push(line);
    }

    /// The next point of the grid after this delay, `beside` it or on it.
    pub(crate) fn arrival(&self, delay: Duration, beside: bool) -> Instant {
        let millis = u64::try_from((self.elapsed() + delay).as_millis()).expect("small");
        let on_grid = (millis / GRID + 1) * GRID;
        self.began + Duration::from_millis(if beside { on_grid + GRID / 2 } else { on_grid })
    }
}

impl Weather {
    /// How long something takes over the link at present.
    pub(crate) fn delay(&mut self) -> Duration {
        let slowest = match (self.is_calm, is_so(self.slow)) {
            (true, _) => 10,
            (false, false) => 200,
            (false, true) => {
                self.tally.count(Fault::Delay);
                4_000
            }
        };
        Duration::from_millis(self.random.u64(0..slowest))
    }

    /// What the connection of this moment swallows.
    pub(crate) fn swallow(&mut self, fault: Fault, hole: Hole) {
        if let Some(open) = &mut self.open {
            open.hole.to_server |= hole.to_server;
            open.hole.to_client |= hole.to_client;
            self.tally.count(fault);
        }
    }

    /// The connection breaks.
    pub(crate) fn cut(&mut self) {
        if let Some(open) = self.open.take() {
            self.tally.count(Fault::Cut);
            // Nobody may be left at the other end.
            let _ = open.news.send(true);
        }
    }

    /// The open watch says this, too.
    pub(crate) fn inject(&mut self, message: WatchMessage) -> bool {
        let Some(open) = &self.open else { return false };
        self.injected.push_back(message);
        open.news.send(false).is_ok()
    }
}

pub(crate) fn is_so(until: Until) -> bool {
    until.is_some_and(|until| Instant::now() < until)
}
