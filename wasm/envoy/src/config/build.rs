//! The whole of a configuration, of its parts.

use alloc::borrow::ToOwned;

use aldis_core::DirectiveSet;

use super::checks::{dotted, number};
use super::error::ConfigError;
use super::names::Names;
use super::written::Written;
use super::{Config, attributes, outgoing, relay};

pub(super) fn build(written: Written<'_>) -> Result<Config, ConfigError> {
    if written.document.is_none() && written.relay_cluster.is_none() {
        return Err(ConfigError::new("configuration", "give `document`, `relay_cluster` or both"));
    }
    let inline = match written.document {
        Some(document) => Config::inline(document.get())?,
        None => DirectiveSet::empty(),
    };
    let relay = relay::relay(&written)?;
    let refresh_ms = number("refresh_ms", written.refresh_ms, 100, 10..=10_000)?;
    let stats_prefix = written.stats_prefix.clone().unwrap_or_else(|| "aldis".to_owned());
    dotted("stats_prefix", &stats_prefix)?;

    let mut names = Names::default();
    let outputs = outgoing::outputs(&mut names, &written)?;
    let mapping = attributes::mapping(&mut names, written)?;
    let wanted = names.finish()?;
    Ok(Config { inline, relay, wanted, mapping, outputs, refresh_ms, stats_prefix })
}
