//! Whether one directive applies to one request, and if not, why: the one place where that is decided, for
//! [`evaluate`](crate::DirectiveSet::evaluate) and [`explain`](crate::DirectiveSet::explain) alike.

use core::cell::Cell;
use core::fmt;

use crate::image::layout::Sections;
use crate::image::{Record, Values, flags};
use crate::limits::FULL_SAMPLE;
use crate::request::RequestFacts;
use crate::time::UnixMillis;
use crate::vocabulary::{EndpointSet, SampleBy};

/// The first reason why a directive does not apply, in the order time, target, sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyNot<'s> {
    /// It starts later.
    NotYet {
        /// Milliseconds until then.
        in_ms: u64,
    },
    /// It has ended.
    Expired {
        /// Milliseconds since then.
        ago_ms: u64,
    },
    /// Another tenant, or none.
    Tenant,
    /// Another index, or none.
    Index,
    /// Another principal, or none.
    Principal,
    /// Another endpoint, or none.
    Endpoint,
    /// Another value of this label, or none.
    Label(&'s str),
    /// The request lacks the fact that the sample is drawn by.
    NoSampleKey(SampleBy),
    /// The request is not in the sample.
    NotSampled {
        /// Where the request falls, 0 to 999.
        bucket: u16,
        /// The first bucket that is not taken.
        per_mille: u16,
    },
}

impl fmt::Display for WhyNot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYet { in_ms } => write!(f, "starts in {}", Span(*in_ms)),
            Self::Expired { ago_ms } => write!(f, "expired {} ago", Span(*ago_ms)),
            Self::Tenant => f.write_str("tenant"),
            Self::Index => f.write_str("index"),
            Self::Principal => f.write_str("principal"),
            Self::Endpoint => f.write_str("endpoint"),
            Self::Label(name) => write!(f, "label {name}"),
            Self::NoSampleKey(by) => write!(f, "no {by} to sample by"),
            Self::NotSampled { bucket, per_mille } => write!(f, "bucket {bucket} ≥ {per_mille}"),
        }
    }
}

/// Milliseconds, for people: `0 ms`, `999 ms`, `12 s`, `3 min`, `5 h`, `2 d`; rounded down.
struct Span(u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s")];
        let unit = UNITS.iter().find(|(millis, _)| self.0 >= *millis);
        let (millis, name) = unit.copied().unwrap_or((1, "ms"));
        write!(f, "{} {name}", self.0.checked_div(millis).unwrap_or(self.0))
    }
}

/// Where a request falls when it is sampled by each of its facts, computed at most once each.
pub(crate) struct Buckets([Cell<u16>; SampleBy::ALL.len()]);

impl Buckets {
    /// No request falls here: it stands for what is not known yet.
    const UNKNOWN: u16 = u16::MAX;

    pub(crate) const fn new() -> Self {
        Self([const { Cell::new(Self::UNKNOWN) }; _])
    }

    fn unsalted(&self, by: SampleBy, key: &[u8]) -> u16 {
        let Some(known) = self.0.get(usize::from(by.code())) else { return Self::UNKNOWN };
        if known.get() == Self::UNKNOWN {
            known.set(bucket(fnv1a(FNV_START, key)));
        }
        known.get()
    }
}

/// Whether the directive applies, or the first reason why not.
///
/// In place, and generic in what it makes of the reason: a caller who drops it does not pay for writing it down.
#[inline(always)]
pub(crate) fn judge<'i, W: From<WhyNot<'i>>>(
    sections: &Sections<'i>,
    record: &'i Record,
    request: &impl RequestFacts,
    now: UnixMillis,
    buckets: &Buckets,
) -> Result<(), W> {
    in_time(record, now.as_u64())?;
    on_target(sections, record, request)?;
    if record.per_mille.get() >= FULL_SAMPLE {
        return Ok(());
    }
    in_sample(sections, record, request, buckets)
}

#[inline(always)]
fn in_time<'i, W: From<WhyNot<'i>>>(record: &Record, now: u64) -> Result<(), W> {
    match (record.not_before.get(), record.expires_at.get()) {
        (_, end) if now >= end => Err(WhyNot::Expired { ago_ms: now.saturating_sub(end) }.into()),
        (start, _) if now < start => Err(WhyNot::NotYet { in_ms: start.saturating_sub(now) }.into()),
        _ => Ok(()),
    }
}

#[inline(always)]
fn on_target<'i, W: From<WhyNot<'i>>>(
    sections: &Sections<'i>,
    record: &'i Record,
    request: &impl RequestFacts,
) -> Result<(), W> {
    if !is_any_of(sections, &record.tenants, request.tenant()) {
        return Err(WhyNot::Tenant.into());
    }
    if !is_any_of(sections, &record.indices, request.index()) {
        return Err(WhyNot::Index.into());
    }
    if !is_any_of(sections, &record.principals, request.principal()) {
        return Err(WhyNot::Principal.into());
    }
    let endpoints = record.endpoints.get();
    if endpoints != 0 && request.endpoint().is_none_or(|kind| EndpointSet::of(kind).bits() & endpoints == 0) {
        return Err(WhyNot::Endpoint.into());
    }
    if record.label_count == 0 {
        return Ok(());
    }
    on_labels(sections, record, request)
}

fn on_labels<'i, W: From<WhyNot<'i>>>(
    sections: &Sections<'i>,
    record: &Record,
    request: &impl RequestFacts,
) -> Result<(), W> {
    for (name, value) in sections.labels(record) {
        let given = request.labels().find(|(given, _)| *given == name);
        if given.is_none_or(|(_, given)| given != value) {
            return Err(WhyNot::Label(core::str::from_utf8(name).unwrap_or_default()).into());
        }
    }
    Ok(())
}

/// Most directives leave most targets open and name one value of the others, so that is asked first, and in place.
#[inline(always)]
fn is_any_of<'i>(sections: &Sections<'i>, values: &'i Values, fact: Option<&[u8]>) -> bool {
    match (values.count.get(), fact) {
        (0, _) => true,
        (_, None) => false,
        (1, Some(fact)) => {
            usize::from(values.len.get()) == fact.len() && sections.has_text(values.start, fact)
        }
        (_, Some(fact)) => is_one_of(sections, values, fact),
    }
}

#[inline(never)]
fn is_one_of<'i>(sections: &Sections<'i>, values: &'i Values, fact: &[u8]) -> bool {
    sections.values(values).any(|value| value == fact)
}

/// Of a directive that does not take every request.
fn in_sample<'i, W: From<WhyNot<'i>>>(
    sections: &Sections<'i>,
    record: &Record,
    request: &impl RequestFacts,
    buckets: &Buckets,
) -> Result<(), W> {
    let per_mille = record.per_mille.get();
    let by = SampleBy::from_code(record.sample_by).unwrap_or(SampleBy::RequestId);
    let key = sample_key(request, by).ok_or(WhyNot::NoSampleKey(by))?;
    let bucket = if record.flags & flags::SALTED == 0 {
        buckets.unsalted(by, key)
    } else {
        let salt = sections.text(record.salt, record.salt_len.into());
        bucket(fnv1a(fnv1a(fnv1a(FNV_START, salt), &[0]), key))
    };
    if bucket < per_mille { Ok(()) } else { Err(WhyNot::NotSampled { bucket, per_mille }.into()) }
}

fn sample_key(request: &impl RequestFacts, by: SampleBy) -> Option<&[u8]> {
    match by {
        SampleBy::RequestId => request.request_id(),
        SampleBy::TraceId => request.trace_id(),
        SampleBy::Tenant => request.tenant(),
        SampleBy::Principal => request.principal(),
    }
}

fn bucket(hash: u64) -> u16 {
    // A remainder of 1000 fits.
    u16::try_from(hash % u64::from(FULL_SAMPLE)).unwrap_or(0)
}

/// Offset basis of FNV-1a with 64 bits (Fowler, Noll, Vo; <http://www.isthe.com/chongo/tech/comp/fnv/>).
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv1a(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn fnv1a_gives_the_published_values() {
        for (text, hash) in
            [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
        {
            assert_eq!(fnv1a(FNV_START, text.as_bytes()), hash, "{text}");
        }
    }

    #[test]
    fn reasons_read_well() {
        for (reason, text) in [
            (WhyNot::Expired { ago_ms: 12_345 }, "expired 12 s ago"),
            (WhyNot::Expired { ago_ms: 0 }, "expired 0 ms ago"),
            (WhyNot::NotYet { in_ms: 7_200_000 }, "starts in 2 h"),
            (WhyNot::NotSampled { bucket: 731, per_mille: 250 }, "bucket 731 ≥ 250"),
            (WhyNot::NoSampleKey(SampleBy::TraceId), "no trace_id to sample by"),
        ] {
            assert_eq!(reason.to_string(), text);
        }
    }
}
