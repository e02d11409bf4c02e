//! What a directive takes in, in words: its blast radius.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use aldis_core::limits::FULL_SAMPLE;
use aldis_core::{DiagLevel, Directive, SampleBy, Sampling, StrList, Target, UnixMillis};

/// So many values are named; of more it is said how many there are.
const NAMED: usize = 3;

/// Nearer to now than this, an end is shown with its second.
const NEAR: Duration = Duration::from_secs(600);

const NUMBERS: [&str; 13] =
    ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

/// One directive at one point in time, as words: `every Search of tenant acme, one request in four, until 14:05 UTC, in
/// 23 min`.
#[derive(Clone, Copy, Debug)]
pub struct Reach<'d> {
    /// The directive.
    pub directive: &'d Directive<'d>,
    /// From when it is looked at.
    pub now: UnixMillis,
}

impl Reach<'_> {
    /// What it does to the requests that it takes: `records ShapeTiming, captures`.
    #[must_use]
    pub fn effect(&self) -> String {
        let directive = self.directive;
        if directive.suppress {
            return "turns everything off".to_string();
        }
        let mut effects = Vec::new();
        if directive.level != DiagLevel::Off {
            effects.push(Cow::Owned("records ".to_string() + directive.level.as_str()));
        }
        if directive.ring_buffer {
            effects.push(Cow::Borrowed("keeps it in the ring buffer"));
        }
        if directive.capture {
            effects.push(Cow::Borrowed("captures"));
        }
        if effects.is_empty() { "records nothing".to_string() } else { effects.join(", ") }
    }

    fn until(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (directive, now) = (self.directive, self.now);
        if directive.expires_at <= now {
            let ago = Span(now.saturating_since(directive.expires_at));
            return write!(f, ", ended {}, {ago} ago", Point { at: directive.expires_at, now });
        }
        if let Some(start) = directive.not_before.filter(|start| *start > now) {
            write!(f, ", from {}, in {}", Point { at: start, now }, Span(start.saturating_since(now)))?;
        }
        let end = directive.expires_at;
        write!(f, ", until {}, in {}", Point { at: end, now }, Span(end.saturating_since(now)))
    }
}

impl fmt::Display for Reach<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        requests(&self.directive.target, f)?;
        sample(&self.directive.sampling, f)?;
        self.until(f)
    }
}

fn requests(target: &Target<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if target.is_every_request() {
        return f.write_str("every request of the fleet");
    }
    match target.endpoints.is_empty() {
        true => f.write_str("every request")?,
        false => write!(f, "every {}", any_of(target.endpoints.iter().map(|kind| kind.as_str())))?,
    }
    for (before, one, several, list) in [
        ("of", "tenant", "tenants", &target.tenants),
        ("to", "index", "indices", &target.indices),
        ("by", "principal", "principals", &target.principals),
    ] {
        match list {
            StrList::Any => {}
            StrList::One(value) => write!(f, " {before} {one} {}", shown(value))?,
            StrList::AnyOf(values) => {
                write!(f, " {before} {several} {}", any_of(values.iter().map(|value| shown(value))))?;
            }
        }
    }
    for (place, (name, value)) in target.labels.iter().enumerate() {
        let before = if place == 0 { "labelled" } else { "and" };
        write!(f, " {before} {}={}", shown(name), shown(value))?;
    }
    Ok(())
}

/// Characters that cannot be seen are spelled out.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        match character {
            '\'' | '"' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

/// `a`, `a or b`, `a, b or c`, `a, b, c or one of 4 more`.
fn any_of<T: fmt::Display>(values: impl Iterator<Item = T>) -> String {
    let mut names: Vec<String> = values.map(|value| value.to_string()).collect();
    if let Some(more @ 2..) = names.len().checked_sub(NAMED) {
        names.truncate(NAMED);
        names.push("one of ".to_string() + &more.to_string() + " more");
    }
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => rest.join(", ") + " or " + last,
        None => String::new(),
    }
}

fn sample(sampling: &Sampling<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (one, several) = match sampling.by {
        SampleBy::RequestId => ("request", "requests"),
        SampleBy::TraceId => ("trace", "traces"),
        SampleBy::Tenant => ("tenant", "tenants"),
        SampleBy::Principal => ("principal", "principals"),
    };
    match sampling.per_mille {
        FULL_SAMPLE => Ok(()),
        0 => f.write_str(", in fact none at all"),
        rate if FULL_SAMPLE.is_multiple_of(rate) => {
            let of = FULL_SAMPLE.checked_div(rate).unwrap_or(FULL_SAMPLE);
            match NUMBERS.get(usize::from(of)) {
                Some(number) => write!(f, ", one {one} in {number}"),
                None => write!(f, ", one {one} in {of}"),
            }
        }
        rate => write!(f, ", {rate} {several} in a thousand"),
    }
}

/// A point in time as one would say it at `now`: with its date on another day only, with its second only where that is near.
struct Point {
    at: UnixMillis,
    now: UnixMillis,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, now) = (self.at.to_string(), self.now.to_string());
        let part = |text: &'static str, from: usize, to: usize| {
            at.get(from..to).map_or(text.to_string(), str::to_string)
        };
        if at.get(..10) != now.get(..10) {
            write!(f, "{} ", part("", 0, 10))?;
        }
        let distance = self.at.saturating_since(self.now).max(self.now.saturating_since(self.at));
        let has_second = distance < NEAR && at.get(17..19) != Some("00");
        write!(f, "{} UTC", part("", 11, if has_second { 19 } else { 16 }))
    }
}

/// How long, in the largest unit of which there is one: `0 s`, `59 s`, `23 min`, `5 h`, `2 d`; rounded down.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 3] = [(86_400, "d"), (3600, "h"), (60, "min")];
        let seconds = self.0.as_secs();
        let unit = UNITS.iter().find(|(unit, _)| seconds >= *unit);
        let (unit, name) = unit.copied().unwrap_or((1, "s"));
        write!(f, "{} {name}", seconds.checked_div(unit).unwrap_or(seconds))
    }
}

#[cfg(test)]
mod tests {
    use aldis_core::decode;

    use super::*;

    /// 13:42 on the day of the README.
    const NOW: UnixMillis = UnixMillis::new(1_795_182_120_000);

    fn words(fields: &str) -> (String, String) {
        let body = alloc::format!(r#"{{"directives":[{{"id":"a",{fields}}}]}}"#);
        let directives = decode(body.as_bytes(), NOW).expect("is valid");
        let reach = Reach { directive: &directives[0], now: NOW };
        (reach.to_string(), reach.effect())
    }

    #[test]
    fn reach_is_told_in_words() {
        for (fields, text) in [
            (
                r#""level":"Shape","ttl_secs":1380,"tenant":"acme","endpoint":"Search","sample_per_mille":250"#,
                "every Search of tenant acme, one request in four, until 14:05 UTC, in 23 min",
            ),
            (r#""level":"Shape","ttl_secs":30"#, "every request of the fleet, until 13:42:30 UTC, in 30 s"),
            (
                r#""level":"Shape","expires_at":"2026-11-22T13:42:00Z","tenants":["a","b","c","d","e"],"index":"i"
                ,"principals":["p","q"],"labels":{"k":"v","l":"w"}"#,
                "every request of tenants a, b, c or one of 2 more to index i by principals p or q labelled k=v and l=w, \
                 until 2026-11-22 13:42 UTC, in 2 d",
            ),
            (
                r#""level":"Shape","expires_at":"2026-11-20T13:40:00Z","endpoints":["Search","Count"],
                "sample_per_mille":3,"sample_by":"trace_id""#,
                "every Search or Count, 3 traces in a thousand, ended 13:40 UTC, 2 min ago",
            ),
            (
                r#""level":"Shape","not_before":"2026-11-20T14:42:00Z","ttl_secs":7200,"index":"i","sample_per_mille":0"#,
                "every request to index i, in fact none at all, from 14:42 UTC, in 1 h, until 15:42 UTC, in 2 h",
            ),
            (
                r#""level":"Shape","ttl_secs":7200,"tenant":"<b>'\u202e\n","sample_per_mille":1"#,
                "every request of tenant <b>'\\u{202e}\\n, one request in 1000, until 15:42 UTC, in 2 h",
            ),
        ] {
            assert_eq!(words(fields).0, text);
        }
    }

    #[test]
    fn effects_are_told_in_words() {
        for (fields, text) in [
            (r#""level":"Off","ttl_secs":1"#, "records nothing"),
            (r#""level":"Off","suppress":true,"ttl_secs":1"#, "turns everything off"),
            (r#""level":"ShapeTiming","ttl_secs":1"#, "records ShapeTiming"),
            (
                r#""level":"Shape","ring_buffer":true,"capture":true,"ttl_secs":1"#,
                "records Shape, keeps it in the ring buffer, captures",
            ),
        ] {
            assert_eq!(words(fields).1, text);
        }
    }
}
