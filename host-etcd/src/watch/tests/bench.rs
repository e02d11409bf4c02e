//! A watch with a hand on its clock.

use std::time::{Duration, Instant};

use crate::kv::{Header, Key, KvEntry, KvError, KvUpdate, Listing, Revision, Scope, WatchMessage};
use crate::watch::{Config, Input, Output, Report, Watch};

pub(super) const CLUSTER: u64 = 7;

pub(super) struct Bench {
    pub(super) watch: Watch,
    pub(super) now: Instant,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(1, |_| {})
    }

    /// A watch of the prefix `d/`, configured as given.
    pub(super) fn with(endpoints: usize, configure: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(Scope::parse("d/"), endpoints, 1);
        configure(&mut config);
        let now = Instant::now();
        Self { watch: Watch::new(config, now), now }
    }

    /// One that has listed the empty scope at `revision` and whose watch stands and is confirmed.
    pub(super) fn standing_at(revision: u64) -> Self {
        let mut bench = Self::new();
        bench.outputs();
        bench.stand(revision);
        bench
    }

    /// From connecting to a confirmed watch, over an empty list.
    pub(super) fn stand(&mut self, revision: u64) {
        self.handle(Input::Connected);
        self.handle(Input::Listed(listing(revision, &[])));
        self.acknowledge(revision);
    }

    /// From opening to a confirmed watch.
    pub(super) fn acknowledge(&mut self, revision: u64) {
        self.handle(created(revision));
        self.handle(progress(revision));
    }

    pub(super) fn handle(&mut self, input: Input) -> Vec<Output> {
        self.watch.handle(input, self.now);
        self.outputs()
    }

    pub(super) fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.watch.poll_output()).collect()
    }

    /// Lets time pass, firing the timer whenever it is due, and answering nothing.
    pub(super) fn pass(&mut self, duration: Duration) -> Vec<Output> {
        let end = self.now + duration;
        let mut outputs = Vec::new();
        let mut steps = 0;
        while self.watch.deadline() <= end {
            steps += 1;
            assert!(steps < 10_000, "a livelock");
            self.now = self.now.max(self.watch.deadline());
            outputs.extend(self.handle(Input::TimerFired));
        }
        self.now = end;
        outputs
    }

    /// How long until the next thing is due.
    pub(super) fn until_due(&self) -> Duration {
        self.watch.deadline().saturating_duration_since(self.now)
    }

    /// Up to the next attempt to connect; which endpoint it is.
    pub(super) fn next_connect(&mut self) -> usize {
        for _ in 0..10 {
            self.now = self.now.max(self.watch.deadline());
            if let Some(endpoint) = connects(&self.handle(Input::TimerFired)).first() {
                return *endpoint;
            }
        }
        panic!("it does not connect");
    }

    /// Fails the present call or stream, and goes on to the next connection.
    pub(super) fn reconnect(&mut self) {
        let outputs = self.handle(Input::StreamEnded(None));
        if connects(&outputs).is_empty() {
            self.next_connect();
        }
        self.handle(Input::Connected);
    }
}

pub(super) fn connects(outputs: &[Output]) -> Vec<usize> {
    outputs
        .iter()
        .filter_map(|output| match output {
            Output::Connect { endpoint } => Some(*endpoint),
            _ => None,
        })
        .collect()
}

pub(super) fn reports(outputs: &[Output]) -> Vec<&Report> {
    outputs
        .iter()
        .filter_map(|output| match output {
            Output::Report(report) => Some(report),
            _ => None,
        })
        .collect()
}

/// What reaches the mirror.
pub(super) fn delivered(outputs: &[Output]) -> Vec<&Output> {
    let is_delivered = |output: &&Output| {
        matches!(output, Output::Replace(_) | Output::Change { .. } | Output::Verify { .. })
    };
    outputs.iter().filter(is_delivered).collect()
}

pub(super) fn header(revision: u64) -> Header {
    Header { cluster_id: CLUSTER, revision: Revision::new(revision) }
}

pub(super) fn entry(key: &str, mod_revision: u64) -> KvEntry {
    KvEntry { key: key.into(), value: key.to_owned().into(), mod_revision: Revision::new(mod_revision) }
}

pub(super) fn put(key: &str, mod_revision: u64) -> KvUpdate {
    KvUpdate::Put(entry(key, mod_revision))
}

pub(super) fn delete(key: &str, mod_revision: u64) -> KvUpdate {
    KvUpdate::Delete { key: Key::from(key), mod_revision: Revision::new(mod_revision) }
}

pub(super) fn listing(revision: u64, entries: &[(&str, u64)]) -> Listing {
    let entries = entries.iter().map(|(key, mod_revision)| entry(key, *mod_revision)).collect();
    Listing { header: header(revision), entries }
}

pub(super) fn created(revision: u64) -> Input {
    Input::Message(WatchMessage::Created(header(revision)))
}

pub(super) fn progress(revision: u64) -> Input {
    Input::Message(WatchMessage::Progress(header(revision)))
}

pub(super) fn events(revision: u64, events: Vec<KvUpdate>) -> Input {
    Input::Message(WatchMessage::Events(header(revision), events))
}

pub(super) fn canceled(compacted: Option<u64>, reason: &str) -> Input {
    Input::Message(WatchMessage::Canceled {
        header: header(99),
        compacted: compacted.map(Revision::new),
        reason: reason.to_owned(),
    })
}

pub(super) fn change(revision: u64, events: Vec<KvUpdate>) -> Output {
    Output::Change { revision: Revision::new(revision), events }
}

pub(super) fn confirmed(revision: u64) -> Output {
    Output::Confirmed { revision: Revision::new(revision) }
}

pub(super) fn open(from: u64) -> Output {
    Output::OpenWatch { from: Revision::new(from) }
}

pub(super) fn refused() -> Input {
    Input::CallFailed(KvError::Failed { operation: "test", cause: "refused".to_owned() })
}
