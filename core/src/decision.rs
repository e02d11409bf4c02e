//! What comes out.

use crate::directive::DirectiveIndex;
use crate::vocabulary::DiagLevel;

/// How much to record of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Decision {
    /// How much detail.
    pub level: DiagLevel,
    /// Keep the exchange in this instance's ring buffer.
    pub ring_buffer: bool,
    /// Send the exchange to the fleet's capture sink.
    pub capture: bool,
    /// The directive that set the level: the first in document order among those of that level that apply.
    /// `None` if no directive applies, or a suppressing one does.
    pub decided_by: Option<DirectiveIndex>,
}

impl Decision {
    /// Record nothing beyond what is always recorded.
    pub const OFF: Self =
        Self { level: DiagLevel::Off, ring_buffer: false, capture: false, decided_by: None };
}
