//! How the relay is asked.

use alloc::format;
use alloc::string::String;

use super::Relay;
use super::checks::{is_plain, number};
use super::error::ConfigError;
use super::written::Written;

pub(super) fn relay(written: &Written<'_>) -> Result<Option<Relay>, ConfigError> {
    let wait_secs = number("poll_wait_secs", written.poll_wait_secs, 30, 0..=300)?;
    let interval = number("poll_interval_ms", written.poll_interval_ms, 1_000, 10..=3_600_000)?;
    let timeout = number("poll_timeout_ms", written.poll_timeout_ms, 5_000, 10..=600_000)?;
    let prefix = written.relay_path_prefix.as_deref().unwrap_or_default();
    if !prefix.is_empty() && (!prefix.starts_with('/') || prefix.ends_with('/') || !is_plain(prefix)) {
        return Err(ConfigError::new("relay_path_prefix", "begin with a slash, end without, no blanks"));
    }
    let Some(cluster) = written.relay_cluster.clone() else {
        let of_relay = written.relay_authority.is_some() || written.relay_path_prefix.is_some();
        let of_polls = written.poll_wait_secs.or(written.poll_interval_ms).or(written.poll_timeout_ms);
        if of_relay || of_polls.is_some() {
            return Err(ConfigError::new("relay_cluster", "is missing, and other fields say how to ask it"));
        }
        return Ok(None);
    };
    let authority = written.relay_authority.clone().unwrap_or_else(|| cluster.clone());
    for (place, text) in [("relay_cluster", &cluster), ("relay_authority", &authority)] {
        if text.is_empty() || !is_plain(text) {
            return Err(ConfigError::new(place, "give a name without blanks"));
        }
    }
    let query = if wait_secs == 0 { String::new() } else { format!("?wait={wait_secs}s") };
    Ok(Some(Relay {
        cluster,
        authority,
        path: format!("{prefix}/v1/image{query}"),
        wait_ms: u64::from(wait_secs) * 1_000,
        interval_ms: interval.into(),
        timeout_ms: timeout.into(),
    }))
}
