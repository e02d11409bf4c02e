//! Spans of time as people write them.

use std::time::Duration;

/// A number with a unit: `500ms`, `5s`, `1m`; not zero.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(split)?;
    let factor = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        _ => return None,
    };
    let millis = number.parse::<u64>().ok()?.checked_mul(factor)?;
    (millis > 0).then(|| Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_a_unit_is_read_and_all_else_is_none() {
        assert_eq!(parse("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse("30s"), Some(Duration::from_secs(30)));
        assert_eq!(parse("2m"), Some(Duration::from_secs(120)));
        for bad in
            ["", "5", "s", "0s", "5h", "-1s", "99999999999999999999s", "18446744073709551615m", "5 s", "5é"]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
