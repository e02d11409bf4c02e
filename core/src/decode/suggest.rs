//! "Did you mean": the known name that a misspelt one is nearest to.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Longer than any known name could be meant by; bounds the work on hostile input.
const MAX_CHARS: usize = 24;

/// The help that goes with an unknown name.
pub(super) fn offer(name: &str, known: impl IntoIterator<Item = &'static str>) -> Option<String> {
    did_you_mean(name, known).map(|known| format!("did you mean `{known}`?"))
}

/// The nearest of `known` by edit distance, if no more than every third character differs.
fn did_you_mean(name: &str, known: impl IntoIterator<Item = &'static str>) -> Option<&'static str> {
    let chars = name.chars().take(MAX_CHARS.saturating_add(1)).count();
    if chars > MAX_CHARS {
        return None;
    }
    let tolerance = chars.div_ceil(3);
    known
        .into_iter()
        .map(|known| (distance(name, known), known))
        .filter(|&(distance, _)| distance <= tolerance)
        .min()
        .map(|(_, known)| known)
}

/// Levenshtein distance over characters, ASCII case ignored.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i.saturating_add(1);
        row.iter_mut().take(1).for_each(|first| *first = left);
        for (above, to) in row.iter_mut().skip(1).zip(&b) {
            let substituted = diagonal.saturating_add(usize::from(!from.eq_ignore_ascii_case(to)));
            diagonal = *above;
            left = substituted.min(left.saturating_add(1)).min(diagonal.saturating_add(1));
            *above = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_what_is_near_and_nothing_else() {
        let known = ["tenant", "tenants", "ttl_secs", "level"];
        for (name, offer) in [
            ("tennant", Some("tenant")),
            ("Tenant", Some("tenant")),
            ("tenantss", Some("tenants")),
            ("ttl", None),
            ("ttl_sec", Some("ttl_secs")),
            ("levle", Some("level")),
            ("", None),
            ("completely_different", None),
        ] {
            assert_eq!(did_you_mean(name, known), offer, "{name}");
        }
        assert_eq!(did_you_mean(&"tenant".repeat(1000), known), None);
    }

    #[test]
    fn distance_counts_edits() {
        for (a, b, edits) in
            [("", "", 0), ("abc", "", 3), ("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!(distance(a, b), edits, "{a} {b}");
        }
    }
}
