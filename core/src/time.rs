//! Points in time as the core sees them: an argument, never a clock.

use core::fmt;
use core::time::Duration;

mod civil;

use civil::Date;

const MILLIS_PER_DAY: i64 = 86_400_000;

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
        let (date_time, rest) = text.as_bytes().split_first_chunk::<19>()?;
        let (fraction, offset) = match rest.split_first() {
            Some((b'.', rest)) => {
                let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                rest.split_at_checked(digits).filter(|_| (1..=9).contains(&digits))?
            }
            _ => rest.split_at(0),
        };
        let millis = local_millis(date_time)? + millis_of_fraction(fraction)? - millis_of_offset(offset)?;
        u64::try_from(millis).ok().filter(|&millis| millis <= Self::LAST_WRITABLE).map(Self)
    }
}

/// `2026-11-20T14:05:00`, as if it were UTC.
fn local_millis(text: &[u8; 19]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b't', h1, h2, b':', n1, n2, b':', s1, s2] = text
    else {
        return None;
    };
    let date = Date::new(decimal(&[*y1, *y2, *y3, *y4])?, decimal(&[*m1, *m2])?, decimal(&[*d1, *d2])?)?;
    let below = |limit: u32, digits: [u8; 2]| decimal(&digits).filter(|&number| number < limit);
    let (hour, minute, second) = (below(24, [*h1, *h2])?, below(60, [*n1, *n2])?, below(60, [*s1, *s2])?);
    let seconds = (hour * 60 + minute) * 60 + second;
    Some(date.days() * MILLIS_PER_DAY + i64::from(seconds) * 1000)
}

/// Up to nine digits behind the point, rounded up.
fn millis_of_fraction(digits: &[u8]) -> Option<i64> {
    let mut nanos = *b"000000000";
    nanos.get_mut(..digits.len())?.copy_from_slice(digits);
    decimal(&nanos).map(|nanos| i64::from(nanos.div_ceil(1_000_000)))
}

/// `Z` or `+01:00`.
fn millis_of_offset(text: &[u8]) -> Option<i64> {
    match text {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let hours = decimal(&[*h1, *h2]).filter(|&hours| hours < 24)?;
            let minutes = decimal(&[*m1, *m2]).filter(|&minutes| minutes < 60)?;
            let millis = i64::from(hours * 60 + minutes) * 60_000;
            Some(if *sign == b'-' { -millis } else { millis })
        }
        _ => None,
    }
}

/// Up to nine digits.
fn decimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |number, byte| {
        byte.is_ascii_digit().then(|| number * 10 + u32::from(byte.wrapping_sub(b'0')))
    })
}

/// RFC 3339 in UTC, with as many digits of the second as needed: `2026-11-20T14:05:00Z`. Past the year 9999, which
/// RFC 3339 cannot write, its last millisecond.
impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.min(Self::LAST_WRITABLE);
        let (days, of_day) = (millis / MILLIS_PER_DAY.unsigned_abs(), millis % MILLIS_PER_DAY.unsigned_abs());
        let Date { year, month, day } = Date::from_days(u32::try_from(days).unwrap_or(0));
        let (seconds, fraction) = (of_day / 1000, of_day % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match fraction {
            0 => f.write_str("Z"),
            whole if whole % 100 == 0 => write!(f, ".{}Z", whole / 100),
            whole if whole % 10 == 0 => write!(f, ".{:02}Z", whole / 10),
            whole => write!(f, ".{whole:03}Z"),
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
            "0000-01-01T00:00:00Z",
            " 2026-11-20T14:05:00Z",
            "2026-11-20T14:05:00Z ",
            "+002026-11-20T14:05:00Z",
        ] {
            assert_eq!(UnixMillis::parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn a_calendar_library_agrees() {
        // Points all over the range, with each length of the fraction.
        for step in 0..20_000_u64 {
            let millis = step * 12_670_115_039 % UnixMillis::LAST_WRITABLE;
            let known = jiff::Timestamp::from_millisecond(i64::try_from(millis).expect("fits"));
            let Ok(known) = known else { continue };
            assert_eq!(UnixMillis(millis).to_string(), known.to_string());
            assert_eq!(UnixMillis::parse_rfc3339(&known.to_string()), Some(UnixMillis(millis)));
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
