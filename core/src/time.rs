//! Points in time as the core sees them: an argument, never a clock.

use core::fmt;
use core::time::Duration;

use jiff::SignedDuration;
use jiff::civil::DateTime;

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(u64);

impl UnixMillis {
    /// The end of time: later than every point that a document can name.
    pub const MAX: Self = Self(u64::MAX);

    /// 9999-12-31T23:59:59.999Z, the last point that RFC 3339 can write.
    const LAST_WRITABLE: u64 = 253_402_300_799_999;

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
        let (civil, offset) = split_rfc3339(text)?;
        let civil: DateTime = civil.parse().ok()?;
        let nanos = civil.duration_since(EPOCH).checked_sub(offset)?.as_nanos();
        let millis = u64::try_from(u128::try_from(nanos).ok()?.div_ceil(1_000_000)).ok()?;
        (millis <= Self::LAST_WRITABLE).then_some(Self(millis))
    }
}

/// Date and time, and the offset from UTC, of a text that is a `date-time` of RFC 3339 by its shape. The parser behind
/// it reads a good deal more than that, and what one of our engines or peers accepts, all must.
fn split_rfc3339(text: &str) -> Option<(&str, SignedDuration)> {
    let (date_time, rest) = text.as_bytes().split_first_chunk::<19>()?;
    let shape = b"dddd-dd-ddTdd:dd:dd";
    if !date_time.iter().zip(shape).all(|(&byte, &class)| fits(byte, class)) || date_time.ends_with(b"60") {
        return None;
    }
    let offset = match rest.split_first() {
        Some((b'.', fraction)) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            fraction.get(digits..).filter(|_| (1..=9).contains(&digits))?
        }
        _ => rest,
    };
    let civil = text.get(..text.len().checked_sub(offset.len())?)?;
    Some((civil, offset_from_utc(offset)?))
}

fn offset_from_utc(text: &[u8]) -> Option<SignedDuration> {
    let digit = |byte: &u8| char::from(*byte).to_digit(10).map(i64::from);
    let number = |tens: &u8, ones: &u8| Some(digit(tens)?.saturating_mul(10).saturating_add(digit(ones)?));
    match text {
        [b'Z' | b'z'] => Some(SignedDuration::ZERO),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let hours = number(h1, h2).filter(|hours| *hours < 24)?;
            let minutes = number(m1, m2).filter(|minutes| *minutes < 60)?;
            let offset = SignedDuration::from_mins(hours.saturating_mul(60).saturating_add(minutes));
            Some(if *sign == b'-' { -offset } else { offset })
        }
        _ => None,
    }
}

fn fits(byte: u8, class: u8) -> bool {
    match class {
        b'd' => byte.is_ascii_digit(),
        _ => byte.eq_ignore_ascii_case(&class),
    }
}

/// RFC 3339 in UTC, with as many digits of the second as needed: `2026-11-20T14:05:00Z`. Past the year 9999, which
/// RFC 3339 cannot write, its last millisecond.
impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = i64::try_from(self.0.min(Self::LAST_WRITABLE)).unwrap_or(0);
        let civil = EPOCH.saturating_add(SignedDuration::from_millis(millis));
        write!(f, "{civil}Z")
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
            ("1969-12-31T23:30:00-00:30", 0),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
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
            "9999-12-31T23:59:59.9991Z",
            "9999-12-31T23:59:59-00:01",
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
        for millis in [0, 1, 999, 1000, 1_795_183_500_000, 1_795_183_500_120, 253_402_300_799_999] {
            let point = UnixMillis(millis);
            assert_eq!(UnixMillis::parse_rfc3339(&point.to_string()), Some(point), "{point}");
        }
        assert_eq!(UnixMillis(1_795_183_500_000).to_string(), "2026-11-20T14:05:00Z");
        assert_eq!(UnixMillis::MAX.to_string(), "9999-12-31T23:59:59.999Z");
    }
}
