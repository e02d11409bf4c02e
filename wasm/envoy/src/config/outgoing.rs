//! How decisions go out.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use aldis_core::DiagLevel;

use super::checks::dotted;
use super::error::ConfigError;
use super::names::Names;
use super::pairs::Object;
use super::written::{Written, WrittenHeaders, WrittenSampled};
use crate::outputs::{Header, Outputs, Sampled};

pub(super) fn outputs(names: &mut Names, written: &Written<'_>) -> Result<Outputs, ConfigError> {
    let mut header = |place: &str, name: &Option<String>| {
        name.as_ref().map(|name| names.output(&format!("headers.{place}"), name)).transpose()
    };
    let [level, decided_by, flags, revision] = match &written.headers {
        Some(Object(WrittenHeaders { level, decided_by, flags, revision })) => [
            header("level", level)?,
            header("decided_by", decided_by)?,
            header("flags", flags)?,
            header("revision", revision)?,
        ],
        None => [
            header("level", &Some("x-aldis-level".to_owned()))?,
            header("decided_by", &Some("x-aldis-decided-by".to_owned()))?,
            header("flags", &Some("x-aldis-flags".to_owned()))?,
            None,
        ],
    };
    let property = written.filter_state.clone().unwrap_or_else(|| "aldis".to_owned());
    if !property.is_empty() {
        dotted("filter_state", &property)?;
    }
    let sampled = written.sampled.as_ref().map(|sampled| self::sampled(names, &sampled.0)).transpose()?;
    let when_off = written.when_off.unwrap_or(false);
    Ok(Outputs { level, decided_by, flags, revision, property, when_off, sampled })
}

fn sampled(names: &mut Names, written: &WrittenSampled) -> Result<Sampled, ConfigError> {
    let from = DiagLevel::from_name(&written.from)
        .ok_or_else(|| ConfigError::new("sampled.from", "this is no level"))?;
    let traceparent = match written.traceparent {
        Some(true) => Some(names.input("sampled.traceparent", "traceparent")?),
        Some(false) | None => None,
    };
    let header: Option<(Header, String)> = match (&written.header, &written.value) {
        (None, None) => None,
        (Some(name), value) => {
            let value = value.clone().unwrap_or_else(|| "1".to_owned());
            if value.bytes().any(|byte| byte.is_ascii_control()) {
                return Err(ConfigError::new("sampled.value", "no control characters, please"));
            }
            Some((names.output("sampled.header", name)?, value))
        }
        (None, Some(_)) => return Err(ConfigError::new("sampled.value", "is of use beside `header` only")),
    };
    if traceparent.is_none() && header.is_none() {
        return Err(ConfigError::new("sampled", "give `traceparent`, `header` or both"));
    }
    Ok(Sampled { from, traceparent, header })
}
