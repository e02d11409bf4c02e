//! One instance of the plugin: in each worker's VM one for each configuration.

mod decide;
mod follow;

use aldis_core::{DirectiveSet, UnixMillis};

use self::follow::Follower;
use crate::config::{Config, ConfigError};
use crate::host::{Host, Level};
use crate::needs::Needs;
use crate::stats::{Counter, Gauge, Stats};

/// A configured instance.
#[derive(Debug)]
pub(crate) struct Root {
    config: Config,
    stats: Stats,
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
}

impl InForce {
    fn of(set: DirectiveSet, revision: Option<u64>) -> Self {
        let needs = if set.is_empty() { Needs::NONE } else { Needs::of_image(set.as_image()) };
        Self { set, needs, revision }
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

    fn new(host: &impl Host, config: Config) -> Self {
        let mut stats = Stats::define(host, &config.stats_prefix);
        host.tick_every(config.refresh_ms);
        let mut in_force = InForce::of(config.inline.clone(), None);
        let follower = config.relay.clone().map(|relay| Follower::new(host, relay, config.refresh_ms));
        stats.show(host, Gauge::Directives, count(&in_force.set));
        let mut follower = follower;
        if let Some(follower) = &mut follower {
            // What the proxy had before this instance was made: state outlives a VM.
            follower.refresh(host, &mut stats, &mut in_force);
        }
        stats.flush(host);
        Self { config, stats, in_force, follower }
    }

    /// Hands over what was counted, takes what is new, and polls if it is this instance's turn.
    pub(crate) fn on_tick(&mut self, host: &impl Host) {
        self.follow(host, Follower::on_tick);
        self.stats.flush(host);
    }

    /// The relay has answered.
    pub(crate) fn on_answer(&mut self, host: &impl Host, token: u32, len: usize) {
        self.follow(host, |follower, host, now, stats, in_force| {
            follower.on_answer(host, now, (token, len), stats, in_force);
        });
        self.stats.flush(host);
    }

    /// The instance ends.
    pub(crate) fn on_delete(&mut self, host: &impl Host) {
        self.stats.flush(host);
        if let Some(follower) = &self.follower {
            follower.resign(host);
        }
    }

    fn follow<H: Host>(
        &mut self,
        host: &H,
        then: impl FnOnce(&mut Follower, &H, UnixMillis, &mut Stats, &mut InForce),
    ) {
        // Without a clock nothing is decided, so nothing is to be fetched.
        let (Some(follower), Some(now)) = (&mut self.follower, host.now()) else { return };
        then(follower, host, now, &mut self.stats, &mut self.in_force);
    }
}

fn count(set: &DirectiveSet) -> u64 {
    u64::try_from(set.len()).unwrap_or(u64::MAX)
}
