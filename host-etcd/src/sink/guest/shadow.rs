//! A second opinion: some of what a guest decides is decided natively as well, and must be the same.

use std::num::NonZeroU64;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use aldis_core::Decision;

use super::counters::Counters;
use super::{MadeBy, lock};

/// At least so long between two warnings: a guest that is wrong may be wrong at each request.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

/// How often guests are looked at, and when they last were found wrong.
#[derive(Debug)]
pub(super) struct Shadow {
    one_in: NonZeroU64,
    warned: Mutex<Option<Instant>>,
}

impl Shadow {
    pub(super) const fn new(one_in: NonZeroU64) -> Self {
        Self { one_in, warned: Mutex::new(None) }
    }

    /// Whether the call of this number, the first being 0, is to be looked at.
    pub(super) fn is_due(&self, call: u64) -> bool {
        call % self.one_in == 0
    }

    /// Holds what a guest decided by a set against what the native core decides by the same.
    pub(super) fn compare(&self, set: MadeBy, guest: Decision, native: Decision, counters: &Counters) {
        if guest == native {
            return;
        }
        let mismatches = counters.mismatch();
        if self.may_warn() {
            // Nothing of the request, and of the directives only their places.
            tracing::warn!(
                revision = set.revision.as_u64(),
                digest = %set.digest,
                ?guest,
                ?native,
                mismatches,
                "a guest decided otherwise than the native core; its decision stands"
            );
        }
    }

    fn may_warn(&self) -> bool {
        let mut warned = lock(&self.warned);
        let is_due = warned.is_none_or(|last| last.elapsed() >= BETWEEN_WARNINGS);
        if is_due {
            *warned = Some(Instant::now());
        }
        is_due
    }
}
