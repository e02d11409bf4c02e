//! Our directives in the reference's words.

use std::fmt;
use std::time::Duration;

use aldis_core::limits::FULL_SAMPLE;
use aldis_core::{DiagLevel, Directive, DirectiveSet, SampleBy, StrList, UnixMillis};
use osproxy_core::{EndpointKind, IndexName, Instant, PartitionId, PrincipalId};
use osproxy_observe::{DiagnosticsDirective, DirectiveMatch};

/// What the reference has no word for. Left out, it would mean more than was written, so the whole set is not handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inexpressible {
    /// The place of the directive in the set.
    pub index: usize,
    /// The field.
    pub field: &'static str,
}

impl fmt::Display for Inexpressible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "directives[{}]: the reference has no {}", self.index, self.field)
    }
}

impl std::error::Error for Inexpressible {}

/// The set as the reference holds it. `now` is the time by our clock, `then` the same moment by theirs.
///
/// A list of values becomes a directive for each combination. What has expired is left out.
///
/// # Errors
///
/// At the first directive that cannot be expressed.
pub fn translate(
    set: &DirectiveSet,
    now: UnixMillis,
    then: Instant,
) -> Result<osproxy_observe::DirectiveSet, Inexpressible> {
    let mut translated = Vec::new();
    for (index, directive) in set.iter().enumerate().filter(|(_, directive)| directive.expires_at > now) {
        let no = |field| Err(Inexpressible { index, field });
        match what_is_missing(&directive, now) {
            Some(field) => return no(field),
            None => translated.extend(in_their_words(&directive, now, then)),
        }
    }
    Ok(osproxy_observe::DirectiveSet::from_directives(translated))
}

fn what_is_missing(directive: &Directive<'_>, now: UnixMillis) -> Option<&'static str> {
    // Who takes all or none draws no sample.
    let is_drawn = (1..FULL_SAMPLE).contains(&directive.sampling.per_mille);
    [
        (directive.suppress, "suppress"),
        (!directive.target.labels.is_empty(), "labels"),
        (directive.not_before.is_some_and(|begin| begin > now), "not_before"),
        (is_drawn && directive.sampling.by != SampleBy::RequestId, "sample_by"),
        (is_drawn && directive.sampling.salt.is_some(), "salt"),
    ]
    .into_iter()
    .find_map(|(is_used, field)| is_used.then_some(field))
}

fn in_their_words(directive: &Directive<'_>, now: UnixMillis, then: Instant) -> Vec<DiagnosticsDirective> {
    let left = Duration::from_millis(directive.expires_at.as_u64().saturating_sub(now.as_u64()));
    let target = &directive.target;
    let endpoints: Vec<_> =
        target.endpoints.iter().map(|kind| EndpointKind::from_name(kind.as_str())).collect();
    let mut matches = vec![DirectiveMatch::all()];
    matches = each(matches, &target.tenants, |all, name| all.for_tenant(PartitionId::from(name)));
    matches = each(matches, &target.indices, |all, name| all.for_index(IndexName::from(name)));
    matches = each(matches, &target.principals, |all, name| all.for_principal(PrincipalId::from(name)));
    if !endpoints.is_empty() {
        let with = |of: &DirectiveMatch| {
            let of = of.clone();
            endpoints.iter().flatten().map(move |kind| of.clone().for_endpoint(*kind)).collect::<Vec<_>>()
        };
        matches = matches.iter().flat_map(with).collect();
    }
    let one = |match_| DiagnosticsDirective {
        id: directive.id.to_string(),
        match_,
        level: level(directive.level),
        sample_per_mille: directive.sampling.per_mille,
        expires_at: then.saturating_add(left),
        ring_buffer: directive.ring_buffer,
        capture: directive.capture,
    };
    matches.into_iter().map(one).collect()
}

/// Each match with each value; as they were, if any value will do.
fn each(
    matches: Vec<DirectiveMatch>,
    values: &StrList<'_>,
    with: impl Fn(DirectiveMatch, &str) -> DirectiveMatch,
) -> Vec<DirectiveMatch> {
    match values.as_slice() {
        [] => matches,
        values => {
            let with_each =
                |of: &DirectiveMatch| values.iter().map(|value| with(of.clone(), value)).collect::<Vec<_>>();
            matches.iter().flat_map(with_each).collect()
        }
    }
}

const fn level(level: DiagLevel) -> osproxy_observe::DiagLevel {
    match level {
        DiagLevel::Off => osproxy_observe::DiagLevel::Off,
        DiagLevel::Shape => osproxy_observe::DiagLevel::Shape,
        DiagLevel::ShapeTiming => osproxy_observe::DiagLevel::ShapeTiming,
        DiagLevel::ShapeRewriteDiff => osproxy_observe::DiagLevel::ShapeRewriteDiff,
    }
}
