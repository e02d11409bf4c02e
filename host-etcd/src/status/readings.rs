//! From a status to what a recorder is told.

use super::{State, Status};
use crate::kv::Revision;
use crate::meter::Readings;
use crate::mirror::RefusalCause;

/// The states by name.
pub(super) const STATES: [&str; 4] =
    [State::Starting.as_str(), State::Live.as_str(), State::Stale.as_str(), State::Stopped.as_str()];

/// What a recorder is told of the status.
pub(super) fn readings(status: &Status) -> Readings {
    Readings {
        state: status.state.as_str(),
        revision: status.revision.map(Revision::as_u64),
        directives: status.directives,
        refused: status.refused.len(),
        last_confirmed: status.last_confirmed,
        reconnects: status.reconnects,
        cancels: status.cancels,
        repairs: status.repairs,
        panics: status.panics,
    }
}

/// The stable name of a reason, as the command shows it.
pub(super) fn reason(cause: &RefusalCause) -> &'static str {
    match cause {
        RefusalCause::Document(error) => error.reason().as_str(),
        RefusalCause::Together(_) => "too_large",
    }
}
