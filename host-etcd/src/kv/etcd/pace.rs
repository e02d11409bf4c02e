//! How much of a list is asked for at once: less, once a page has not come in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Keys of the first page, before anything is known of their size: at most 24 MiB at etcd's usual limit.
const FIRST_PAGE_KEYS: usize = 16;

/// Bytes that a page should come to. What etcd clients take by default, so every proxy on the way does, too.
const PAGE_BYTES: usize = 4 << 20;

/// How often pages become smaller; after that a page is 64 KiB or a single key.
const MAX_STEPS: u32 = 3;

/// Each step is to a quarter.
const BITS_PER_STEP: u32 = 2;

/// The size of pages, shared by all connections of one connector.
///
/// Every page has the same deadline, so on a slow link a large one would never come: neither at the first attempt nor
/// at any other. Small pages cost little, so they stay small.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace(Arc<AtomicU32>);

impl Pace {
    /// A page has not come in time.
    pub(super) fn slow_down(&self) {
        let step = |steps: u32| (steps < MAX_STEPS).then_some(steps.saturating_add(1));
        let _already_slowest = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
    }

    pub(super) fn first_page_keys(&self) -> usize {
        (FIRST_PAGE_KEYS >> self.bits()).max(1)
    }

    pub(super) fn page_bytes(&self) -> usize {
        PAGE_BYTES >> self.bits()
    }

    fn bits(&self) -> u32 {
        self.0.load(Ordering::Relaxed).saturating_mul(BITS_PER_STEP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_become_smaller_and_stay_so_but_never_empty() {
        let pace = Pace::default();
        let mut sizes = Vec::new();
        for _ in 0..6 {
            sizes.push((pace.first_page_keys(), pace.page_bytes() >> 10));
            pace.clone().slow_down();
        }
        assert_eq!(sizes, [(16, 4096), (4, 1024), (1, 256), (1, 64), (1, 64), (1, 64)]);
    }
}
