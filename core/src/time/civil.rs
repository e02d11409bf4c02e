//! Dates of the Gregorian calendar, as days since 1970-01-01. The arithmetic is that of Howard Hinnant, *chrono-Compatible
//! Low-Level Date Algorithms* (<https://howardhinnant.github.io/date_algorithms.html>), for the years that this crate
//! meets: 1600 to 9999. A calendar library was two fifths of the guest.

/// A year that counts from March ends with its leap day. An era is 400 such years; this many days lie between the start
/// of the first and 1970.
const DAYS_BEFORE_1970: u32 = 719_468;
const DAYS_OF_ERA: u32 = 146_097;

/// A date that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) year: u32,
    pub(super) month: u32,
    pub(super) day: u32,
}

impl Date {
    /// `None` if there is no such date, or it is out of range.
    pub(super) fn new(year: u32, month: u32, day: u32) -> Option<Self> {
        let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if is_leap => 29,
            2 => 28,
            _ => return None,
        };
        ((1600..=9999).contains(&year) && (1..=days).contains(&day)).then_some(Self { year, month, day })
    }

    /// Days since 1970-01-01; negative before.
    pub(super) fn days(self) -> i64 {
        let Self { year, month, day } = self;
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let (era, year_of_era) = (year / 400, year % 400);
        let day_of_year = (153 * month + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        i64::from(era * DAYS_OF_ERA + day_of_era) - i64::from(DAYS_BEFORE_1970)
    }

    /// The date so many days after 1970-01-01; at most eight thousand years of them.
    pub(super) fn from_days(days: u32) -> Self {
        let days = days + DAYS_BEFORE_1970;
        let (era, day_of_era) = (days / DAYS_OF_ERA, days % DAYS_OF_ERA);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        Self { year: era * 400 + year_of_era + carry, month, day }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil;

    use super::*;

    #[test]
    fn every_day_goes_both_ways_as_a_calendar_library_has_it() {
        let epoch = civil::date(1970, 1, 1);
        let mut day = epoch;
        for days in 0..=2_932_896 {
            let date = Date::from_days(days);
            let known = |number: i64| u32::try_from(number).expect("is positive");
            let expected = Date {
                year: known(day.year().into()),
                month: known(day.month().into()),
                day: known(day.day().into()),
            };
            assert_eq!(date, expected);
            assert_eq!(Date::new(date.year, date.month, date.day), Some(date));
            assert_eq!(date.days(), i64::from(days));
            day = day.tomorrow().unwrap_or(day);
        }
        assert_eq!(day, civil::date(9999, 12, 31), "all of them were met");
    }

    #[test]
    fn what_is_no_date_is_none() {
        for (year, month, day) in [
            (2026, 0, 1),
            (2026, 13, 1),
            (2026, 1, 0),
            (2026, 1, 32),
            (2026, 4, 31),
            (2026, 2, 29),
            (2100, 2, 29),
        ] {
            assert_eq!(Date::new(year, month, day), None, "{year}-{month}-{day}");
        }
        assert!(Date::new(2000, 2, 29).is_some());
        assert_eq!(Date::new(1969, 12, 31).map(Date::days), Some(-1));
        assert!(Date::new(1599, 1, 1).is_none() && Date::new(10_000, 1, 1).is_none());
    }
}
