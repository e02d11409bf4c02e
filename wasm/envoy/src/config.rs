//! The plugin's configuration: typed JSON, accepted whole or refused whole.

mod attributes;
mod build;
mod checks;
mod error;
mod names;
mod outgoing;
mod pairs;
mod relay;
mod written;

use aldis_core::{DirectiveSet, UnixMillis};
use alloc::string::String;

pub use self::error::ConfigError;
use self::pairs::Object;
use self::written::Written;
use crate::limits::{SILENCE_MS, SILENCE_TICKS};
use crate::mapping::Mapping;
use crate::outputs::Outputs;
use crate::wanted::Wanted;

/// A configuration in which nothing is left to check.
#[derive(Clone, Debug)]
pub struct Config {
    /// What is in force until the relay has answered.
    pub(crate) inline: DirectiveSet,
    pub(crate) relay: Option<Relay>,
    pub(crate) wanted: Wanted,
    pub(crate) mapping: Mapping,
    pub(crate) outputs: Outputs,
    /// Milliseconds between two looks for news in shared data.
    pub(crate) refresh_ms: u32,
    pub(crate) stats_prefix: String,
}

/// Where sets come from, and how they are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Relay {
    /// Envoy's name for it.
    pub(crate) cluster: String,
    pub(crate) authority: String,
    /// With the query, if it is to hold requests.
    pub(crate) path: String,
    /// How long it may hold a request for which it has nothing new; zero: not at all.
    pub(crate) wait_ms: u64,
    /// Between two requests that were not held, and the base of the backoff.
    pub(crate) interval_ms: u64,
    /// For an answer, beyond the wait.
    pub(crate) timeout_ms: u64,
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it, with its place.
    pub fn parse(json: &[u8]) -> Result<Self, ConfigError> {
        let written: Object<Written<'_>> =
            serde_json::from_slice(json).map_err(|error| ConfigError::json(&error))?;
        build::build(written.0)
    }

    /// For how long an instance with this configuration may be silent, in milliseconds.
    pub(crate) fn silence_ms(&self) -> u64 {
        SILENCE_MS.max(u64::from(self.refresh_ms).saturating_mul(SILENCE_TICKS))
    }

    /// Reads the document of a configuration, in which only absolute ends may stand: a relative one would start anew with
    /// each VM, and nothing would ever end.
    fn inline(document: &str) -> Result<DirectiveSet, ConfigError> {
        let decode = |anchor| {
            DirectiveSet::decode(document.as_bytes(), UnixMillis::new(anchor))
                .map_err(|error| ConfigError::document(&error))
        };
        // Ends that move with the anchor are relative ones.
        let (set, later) = (decode(0)?, decode(1000)?);
        let moved = set.iter().zip(later.iter()).position(|(one, other)| one.expires_at != other.expires_at);
        moved.map_or(Ok(set), |place| Err(ConfigError::relative(place)))
    }
}

#[cfg(test)]
mod tests;
