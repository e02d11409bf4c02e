//! The span around a request that was decided about.

use aldis_core::DiagLevel;
use tracing::{Metadata, Span, error_span, field};

use super::Decided;
use crate::kv::Revision;

/// Its name. The level is its target, so that a filter knows it before there are fields.
const NAME: &str = "aldis_request";

/// At the level of errors, so that a filter which lets little through lets it through all the same.
macro_rules! span {
    ($target:literal, $decided:ident) => {
        error_span!(
            target: $target,
            NAME,
            "aldis.level" = $decided.level().as_str(),
            "aldis.decided_by" = $decided.id().map(field::display),
            "aldis.revision" = $decided.revision().map(Revision::as_u64),
            "aldis.ring_buffer" = $decided.ring_buffer(),
            "aldis.capture" = $decided.capture(),
        )
    };
}

/// The span of a request about which this was decided.
pub(super) fn of(decided: &Decided) -> Span {
    match decided.level() {
        DiagLevel::Off => span!("aldis::Off", decided),
        DiagLevel::Shape => span!("aldis::Shape", decided),
        DiagLevel::ShapeTiming => span!("aldis::ShapeTiming", decided),
        DiagLevel::ShapeRewriteDiff => span!("aldis::ShapeRewriteDiff", decided),
    }
}

/// The level that was decided, if this is such a span.
pub(super) fn level(metadata: &Metadata<'_>) -> Option<DiagLevel> {
    let name = metadata.target().strip_prefix("aldis::")?;
    DiagLevel::from_name(name).filter(|_| metadata.name() == NAME)
}
