//! What is legal and probably not meant.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use aldis_core::limits::MAX_TTL_SECS;
use aldis_core::{DiagLevel, Directive, StrList, UnixMillis};

/// An end so near that instances may see it only after the fact.
const SOON: Duration = Duration::from_secs(10);

/// How many directives of one target are compared with each other, so that a large document stays cheap to check.
const MAX_COMPARED: usize = 16;

/// Something legal about one directive that an operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The directive's place in the document, counted from zero.
    pub index: usize,
    /// The directive's id.
    pub id: String,
    /// What it is.
    pub kind: WarningKind,
}

/// What there is to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WarningKind {
    /// No target: every request of the fleet.
    FleetWide,
    /// It captures exchanges of more than named tenants.
    CaptureWithoutTenant,
    /// Its end has passed.
    Expired(Duration),
    /// Its end is seconds away.
    ExpiresSoon(Duration),
    /// Its end is more than a year ahead.
    ExpiresLate,
    /// It begins when it has ended.
    NeverApplies,
    /// It samples no request at all.
    SamplesNothing,
    /// It applies and records nothing.
    NoEffect,
    /// Whatever it adds, this earlier directive adds already.
    Shadowed {
        /// The id of that one.
        by: String,
    },
}

impl WarningKind {
    /// The stable name.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::FleetWide => "fleet_wide",
            Self::CaptureWithoutTenant => "capture_without_tenant",
            Self::Expired(_) => "expired",
            Self::ExpiresSoon(_) => "expires_soon",
            Self::ExpiresLate => "expires_late",
            Self::NeverApplies => "never_applies",
            Self::SamplesNothing => "samples_nothing",
            Self::NoEffect => "no_effect",
            Self::Shadowed { .. } => "shadowed",
        }
    }
}

/// One line for people.
impl fmt::Display for WarningKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FleetWide => f.write_str("it has no target, so it takes every request of the fleet"),
            Self::CaptureWithoutTenant => f.write_str("it captures exchanges without naming a tenant"),
            Self::Expired(ago) => write!(f, "it expired {} s ago", ago.as_secs()),
            Self::ExpiresSoon(left) => {
                write!(f, "it expires in {} s, before every instance may have seen it", left.as_secs())
            }
            Self::ExpiresLate => f.write_str("it expires more than a year from now"),
            Self::NeverApplies => f.write_str("it never applies: `not_before` is not before its end"),
            Self::SamplesNothing => f.write_str("it never applies: `sample_per_mille` is 0"),
            Self::NoEffect => f.write_str(
                "it has no effect: level Off without `ring_buffer` or `capture`; is `suppress` meant?",
            ),
            Self::Shadowed { by } => {
                write!(f, "it adds nothing to the directive `{by}`, which has the same target")
            }
        }
    }
}

/// All there is to know about these directives at `now`, in their order.
#[must_use]
pub fn warnings(directives: &[Directive<'_>], now: UnixMillis) -> Vec<Warning> {
    let mut seen: BTreeMap<String, Vec<&Directive<'_>>> = BTreeMap::new();
    let mut warnings = Vec::new();
    for (index, directive) in directives.iter().enumerate() {
        let mut kinds = of_one(directive, now);
        let same = seen.entry(format!("{:?}{:?}", directive.target, directive.sampling)).or_default();
        if let Some(by) = same.iter().find(|earlier| covers(earlier, directive)) {
            kinds.push(WarningKind::Shadowed { by: by.id.to_string() });
        } else if same.len() < MAX_COMPARED {
            same.push(directive);
        }
        warnings.extend(kinds.into_iter().map(|kind| Warning { index, id: directive.id.to_string(), kind }));
    }
    warnings
}

fn of_one(directive: &Directive<'_>, now: UnixMillis) -> Vec<WarningKind> {
    let left = directive.expires_at.saturating_since(now);
    let has_effect =
        directive.suppress || directive.ring_buffer || directive.capture || directive.level != DiagLevel::Off;
    let found = [
        (directive.target.is_every_request(), WarningKind::FleetWide),
        (directive.capture && directive.target.tenants == StrList::Any, WarningKind::CaptureWithoutTenant),
        (left.is_zero(), WarningKind::Expired(now.saturating_since(directive.expires_at))),
        (!left.is_zero() && left < SOON, WarningKind::ExpiresSoon(left)),
        (left > Duration::from_secs(MAX_TTL_SECS), WarningKind::ExpiresLate),
        (directive.not_before.is_some_and(|start| start >= directive.expires_at), WarningKind::NeverApplies),
        (directive.sampling.per_mille == 0, WarningKind::SamplesNothing),
        (!has_effect, WarningKind::NoEffect),
    ];
    found.into_iter().filter(|(is_so, _)| *is_so).map(|(_, kind)| kind).collect()
}

/// Whether all that `later` does is done by `earlier`, of the same target and sample.
fn covers(earlier: &Directive<'_>, later: &Directive<'_>) -> bool {
    let starts = |directive: &Directive<'_>| directive.not_before.unwrap_or(UnixMillis::new(0));
    earlier.suppress == later.suppress
        && earlier.level >= later.level
        && earlier.ring_buffer >= later.ring_buffer
        && earlier.capture >= later.capture
        && starts(earlier) <= starts(later)
        && earlier.expires_at >= later.expires_at
}
