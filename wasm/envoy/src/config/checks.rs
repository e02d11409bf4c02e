//! Rules that several fields share.

use alloc::format;
use core::ops::RangeInclusive;

use super::error::ConfigError;

pub(super) fn number(
    place: &str,
    written: Option<u32>,
    default: u32,
    range: RangeInclusive<u32>,
) -> Result<u32, ConfigError> {
    let number = written.unwrap_or(default);
    if range.contains(&number) {
        return Ok(number);
    }
    Err(ConfigError::new(place, &format!("give a number from {} to {}", range.start(), range.end())))
}

/// A name that Envoy's own names can be made of.
pub(super) fn dotted(place: &str, name: &str) -> Result<(), ConfigError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !name.is_empty() && name.bytes().all(fits) {
        return Ok(());
    }
    Err(ConfigError::new(place, "letters, digits, dots, dashes and underscores only"))
}

/// Whether a text can stand in a request line and a header as it is.
pub(super) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'?' && byte != b'#')
}
