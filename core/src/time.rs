//! Points in time as the core sees them: an argument, never a clock.

use core::fmt;
use core::time::Duration;

use jiff::Timestamp;

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(u64);

impl UnixMillis {
    /// The end of time: later than every point that a document can name.
    pub const MAX: Self = Self(u64::MAX);

    /// The point `millis` after the epoch.
    #[must_use]
    pub const fn new(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The point `seconds` later, at most [`MAX`](Self::MAX).
    #[must_use]
    pub const fn saturating_add_secs(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// How long it is from `earlier` to here; zero if that is later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Reads a date and time of [RFC 3339], such as `2026-11-20T14:05:00Z` or `2026-11-20T15:05:00.5+01:00`.
    ///
    /// A fraction of a millisecond is rounded up. Since `now` is whole milliseconds, that moves neither the first
    /// nor the last millisecond at which a directive applies. Refused with `None`: everything else, among it years
    /// before 1970, leap seconds, and the spellings that RFC 9557 or ISO 8601 add.
    ///
    /// [RFC 3339]: https://www.rfc-editor.org/rfc/rfc3339#section-5.6
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        if !has_rfc3339_shape(text.as_bytes()) {
            return None;
        }
        let timestamp: Timestamp = text.parse().ok()?;
        let nanos = u128::try_from(timestamp.as_nanosecond()).ok()?;
        u64::try_from(nanos.div_ceil(1_000_000)).ok().map(Self)
    }
}

/// Whether the text is a `date-time` of RFC 3339 by its shape. The parser behind it reads a good deal more than
/// that, and what one of our engines or peers accepts, all must.
fn has_rfc3339_shape(text: &[u8]) -> bool {
    let Some((date_time, rest)) = text.split_first_chunk::<19>() else { return false };
    let shape = b"dddd-dd-ddTdd:dd:dd";
    if !date_time.iter().zip(shape).all(|(&byte, &class)| fits(byte, class)) || date_time.ends_with(b"60") {
        return false;
    }
    let offset = match rest.split_first() {
        Some((b'.', fraction)) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 || digits > 9 {
                return false;
            }
            fraction.get(digits..).unwrap_or_default()
        }
        _ => rest,
    };
    match offset {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            let digits = [h1, h2, m1, m2].iter().all(|digit| digit.is_ascii_digit());
            digits && [*h1, *h2] <= *b"23" && [*m1, *m2] <= *b"59"
        }
        _ => false,
    }
}

fn fits(byte: u8, class: u8) -> bool {
    match class {
        b'd' => byte.is_ascii_digit(),
        _ => byte.eq_ignore_ascii_case(&class),
    }
}

/// RFC 3339 in UTC, with as many digits of the second as needed: `2026-11-20T14:05:00Z`. Past the year 9999, which
/// RFC 3339 cannot write, `9999-12-30T22:00:00.999Z`, the last that can be read back.
impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = Timestamp::MAX.as_millisecond();
        let millis = i64::try_from(self.0).unwrap_or(last).min(last);
        match Timestamp::from_millisecond(millis) {
            Ok(timestamp) => timestamp.fmt(f),
            Err(_) => f.write_str("9999-12-30T22:00:00.999Z"),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn reads_what_rfc_3339_writes() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-20T14:05:00Z", 1_795_183_500_000),
            ("2026-11-20t14:05:00z", 1_795_183_500_000),
            ("2026-11-20T15:05:00+01:00", 1_795_183_500_000),
            ("2026-11-20T14:05:00.5Z", 1_795_183_500_500),
            ("2026-11-20T14:05:00.000000001Z", 1_795_183_500_001),
            ("2026-11-20T14:05:00.001Z", 1_795_183_500_001),
            ("1970-01-01T00:30:00+00:30", 0),
        ] {
            assert_eq!(UnixMillis::parse_rfc3339(text), Some(UnixMillis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_only_like_it() {
        for text in [
            "",
            "tomorrow",
            "2026-11-20",
            "2026-11-20T14:05:00",
            "2026-11-20 14:05:00Z",
            "2026-11-20T14:05Z",
            "20261120T140500Z",
            "2026-11-20T14:05:00.Z",
            "2026-11-20T14:05:00.1234567890Z",
            "2026-11-20T14:05:00,5Z",
            "2026-11-20T14:05:00+01",
            "2026-11-20T14:05:00+0100",
            "2026-11-20T14:05:00+01:00[Europe/Berlin]",
            "2026-11-20T14:05:00+24:00",
            "2026-11-20T14:05:00-25:59",
            "2026-11-20T14:05:00+01:60",
            "2026-11-20T14:05:60Z",
            "2026-13-20T14:05:00Z",
            "2026-02-30T14:05:00Z",
            "2026-11-20T24:00:00Z",
            "1969-12-31T23:59:59Z",
            " 2026-11-20T14:05:00Z",
            "2026-11-20T14:05:00Z ",
            "+002026-11-20T14:05:00Z",
        ] {
            assert_eq!(UnixMillis::parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for millis in [0, 1, 999, 1000, 1_795_183_500_000, 1_795_183_500_120, 253_402_207_200_999] {
            let point = UnixMillis(millis);
            assert_eq!(UnixMillis::parse_rfc3339(&point.to_string()), Some(point), "{point}");
        }
        assert_eq!(UnixMillis(1_795_183_500_000).to_string(), "2026-11-20T14:05:00Z");
        assert_eq!(UnixMillis::MAX.to_string(), "9999-12-30T22:00:00.999Z");
    }
}
