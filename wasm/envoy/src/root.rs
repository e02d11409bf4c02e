//! One instance of the plugin: in each worker's VM one for each configuration.

mod decide;
mod follow;

use core::cell::Cell;

use aldis_core::{DirectiveSet, UnixMillis};

use self::follow::Follower;
use crate::config::{Config, ConfigError};
use crate::host::{Host, Level};
use crate::instance::Instance;
use crate::needs::Needs;
use crate::stats::{Counter, Gauge, Stats};

/// A configured instance.
#[derive(Debug)]
pub(crate) struct Root {
    config: Config,
    stats: Stats,
    instance: Instance,
    in_force: InForce,
    follower: Option<Follower>,
}

/// The set by which is decided.
#[derive(Debug)]
struct InForce {
    set: DirectiveSet,
    needs: Needs,
    /// Of the relay's set; an inline one has none.
    revision: Option<u64>,
    /// The latest time that was seen since it is in force.
    latest: Cell<UnixMillis>,
}

impl InForce {
    fn of(set: DirectiveSet, revision: Option<u64>) -> Self {
        let needs = if set.is_empty() { Needs::NONE } else { Needs::of_image(set.as_image()) };
        Self { set, needs, revision, latest: Cell::new(UnixMillis::new(0)) }
    }

    /// The time to decide by. While one set is in force it does not go back, or what has expired would come again when the
    /// clock is set back. Another set begins anew, or a clock that was far ahead for a moment would keep it off.
    fn time(&self, now: UnixMillis) -> UnixMillis {
        let time = self.latest.get().max(now);
        self.latest.set(time);
        time
    }
}

impl Root {
    /// An instance with what the host has as its configuration.
    ///
    /// # Errors
    ///
    /// If that is malformed. It is logged and counted by then.
    pub(crate) fn configure(host: &impl Host) -> Result<Self, ConfigError> {
        match Config::parse(&host.configuration()) {
            Ok(config) => Ok(Self::new(host, config)),
            Err(error) => {
                host.log(Level::Error, &alloc::format!("aldis: the configuration is refused: {error}"));
                let mut stats = Stats::define(host, "aldis");
                stats.count(Counter::ConfigurationsRefused);
                stats.flush(host);
                Err(error)
            }
        }
    }

    fn new(host: &impl Host, mut config: Config) -> Self {
        let mut stats = Stats::define(host, &config.stats_prefix);
        host.tick_every(config.refresh_ms);
        let instance = Instance::new(host, &config.stats_prefix, config.silence_ms());
        let inline = core::mem::replace(&mut config.inline, DirectiveSet::empty());
        let mut in_force = InForce::of(inline, None);
        stats.show(host, Gauge::Directives, count(&in_force.set));
        let relay = config.relay.clone();
        let follower = relay.map(|relay| {
            let mut follower = Follower::new(host, relay, &config, instance.ticket());
            // What the proxy had before this instance was made: state outlives a VM.
            follower.refresh(host, &mut stats, &mut in_force);
            follower
        });
        stats.flush(host);
        Self { config, stats, instance, in_force, follower }
    }

    /// Takes the time of another instance, if that has the same set.
    pub(crate) fn succeed(&self, other: &Self) {
        if self.in_force.set.as_image() == other.in_force.set.as_image() {
            self.in_force.time(other.in_force.latest.get());
        }
    }

    /// Hands over what was counted, takes what is new, and polls if it is this instance's turn.
    pub(crate) fn on_tick(&mut self, host: &impl Host) {
        // Without a clock nothing is decided, so there is nothing to keep up with.
        if let Some(now) = host.now() {
            self.in_force.time(now);
            self.instance.on_tick(host, now, &mut self.stats);
            if let Some(follower) = &mut self.follower {
                follower.on_tick(host, now, &mut self.stats, &mut self.in_force);
            }
        }
        self.stats.flush(host);
    }

    /// The relay has answered.
    pub(crate) fn on_answer(&mut self, host: &impl Host, token: u32, len: usize) {
        if let (Some(now), Some(follower)) = (host.now(), &mut self.follower) {
            follower.on_answer(host, now, (token, len), &mut self.stats, &mut self.in_force);
        }
        self.stats.flush(host);
    }

    /// The instance ends.
    pub(crate) fn on_delete(&mut self, host: &impl Host) {
        if let Some(follower) = &self.follower {
            follower.resign(host);
        }
        self.instance.leave(host, &self.stats);
        self.stats.flush(host);
    }
}

fn count(set: &DirectiveSet) -> u64 {
    u64::try_from(set.len()).unwrap_or(u64::MAX)
}
