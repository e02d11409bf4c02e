//! Counters and gauges. What happens on requests is added up here and handed over at ticks, so that a request costs no call
//! for it.

use alloc::format;

use aldis_core::{DiagLevel, UnixMillis};

use crate::answer::Fault;
use crate::host::{Host, Metric};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counter {
    /// Decisions of each level, in the order of [`DiagLevel::ALL`].
    Off,
    Shape,
    ShapeTiming,
    ShapeRewriteDiff,
    /// Requests that came with a header of ours.
    Spoofed,
    /// Answers of the relay with another set.
    PollsChanged,
    /// Answers that nothing changed.
    PollsUnchanged,
    /// Requests to it that came to nothing.
    PollsFailed,
    /// Answers that were refused as malformed.
    PollsRefused,
    /// Answers that do not go on from what is in force.
    PollsOlder,
    /// Answers of a relay whose source does not confirm what it has.
    PollsStale,
    /// How often an instance began to poll.
    Elections,
    /// Sets that an instance put in force.
    SetsLoaded,
    /// Records in shared data that were none.
    SetsRefused,
    /// Configurations that were refused.
    ConfigurationsRefused,
    /// Instances that were there and fell silent.
    InstancesSilent,
}

const COUNTERS: [&str; 16] = [
    "decisions.off",
    "decisions.shape",
    "decisions.shape_timing",
    "decisions.shape_rewrite_diff",
    "spoofed",
    "polls.changed",
    "polls.unchanged",
    "polls.failed",
    "polls.refused",
    "polls.older",
    "polls.stale",
    "elections",
    "sets.loaded",
    "sets.refused",
    "configurations.refused",
    "instances.silent",
];

/// What is shown as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gauge {
    /// The revision in force.
    Revision,
    /// How many directives that are.
    Directives,
    /// When the relay last confirmed it and was itself not stale, in seconds since the epoch.
    Confirmed,
    /// How many instances there are.
    Instances,
}

const GAUGES: [&str; 4] = ["revision", "directives", "confirmed_at", "instances.present"];

/// The metrics of one instance. Those of one name are the same in all of them.
#[derive(Clone, Debug)]
pub(crate) struct Stats {
    counters: [Option<u32>; COUNTERS.len()],
    pending: [u64; COUNTERS.len()],
    gauges: [Option<u32>; GAUGES.len()],
}

impl Stats {
    pub(crate) fn define(host: &impl Host, prefix: &str) -> Self {
        let define = |metric, name: &str| host.metric(metric, &format!("{prefix}.{name}"));
        Self {
            counters: COUNTERS.map(|name| define(Metric::Counter, name)),
            pending: [0; COUNTERS.len()],
            gauges: GAUGES.map(|name| define(Metric::Gauge, name)),
        }
    }

    /// Counts one, for the next [`flush`](Self::flush).
    pub(crate) fn count(&mut self, counter: Counter) {
        self.count_many(counter, 1);
    }

    pub(crate) fn count_many(&mut self, counter: Counter, number: u64) {
        if let Some(pending) = self.pending.get_mut(counter as usize) {
            *pending = pending.saturating_add(number);
        }
    }

    pub(crate) fn decided(&mut self, level: DiagLevel) {
        self.count(match level {
            DiagLevel::Off => Counter::Off,
            DiagLevel::Shape => Counter::Shape,
            DiagLevel::ShapeTiming => Counter::ShapeTiming,
            DiagLevel::ShapeRewriteDiff => Counter::ShapeRewriteDiff,
        });
    }

    pub(crate) fn fault(&mut self, fault: Fault) {
        self.count(match fault {
            Fault::Older => Counter::PollsOlder,
            fault if fault.is_malformed() => Counter::PollsRefused,
            _ => Counter::PollsFailed,
        });
    }

    /// Hands over what was counted.
    pub(crate) fn flush(&mut self, host: &impl Host) {
        for (counter, pending) in self.counters.iter().zip(&mut self.pending) {
            let number = core::mem::take(pending);
            if let Some(counter) = counter.filter(|_| number > 0) {
                host.add(counter, number);
            }
        }
    }

    pub(crate) fn show(&self, host: &impl Host, gauge: Gauge, number: u64) {
        if let Some(gauge) = self.gauges.get(gauge as usize).copied().flatten() {
            host.set(gauge, number);
        }
    }

    pub(crate) fn confirmed(&self, host: &impl Host, at: UnixMillis) {
        self.show(host, Gauge::Confirmed, at.as_u64() / 1000);
    }
}
