//! How much of a list is asked for at once: less, once a page has not come in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Keys of one page, however small.
const MAX_PAGE_KEYS: usize = 10_000;

/// Keys of the first page, before anything is known of their size: at most 24 MiB at etcd's usual limit.
const FIRST_PAGE_KEYS: usize = 16;

/// Bytes that a page should come to. What etcd clients take by default, so every proxy on the way does, too.
const PAGE_BYTES: usize = 4 << 20;

/// How often pages become smaller; after that a page is to be 64 KiB or a single key.
const MAX_STEPS: u32 = 3;

/// Each step is to a quarter.
const BITS_PER_STEP: u32 = 2;

/// The size of pages, shared by all connections of one connector.
///
/// Every page has the same deadline, so on a slow link a large one would never come: neither at the first attempt nor
/// at any other. Small pages cost little, so they stay small.
///
/// How large a page will be is only guessed, by the one before; where large values follow small ones it is wrong, each time
/// anew. So the number of keys is bounded as well, and less after each page that has not come: in the end to one. As pages of
/// few keys would cost much where there are many, that bound widens with each list that has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    steps: AtomicU32,
    most_keys: AtomicUsize,
}

impl Default for Inner {
    fn default() -> Self {
        Self { steps: AtomicU32::new(0), most_keys: AtomicUsize::new(MAX_PAGE_KEYS) }
    }
}

impl Pace {
    /// A page of so many keys has not come in time.
    pub(super) fn slow_down(&self, keys: usize) {
        let step = |steps: u32| (steps < MAX_STEPS).then_some(steps.saturating_add(1));
        let _already_slowest = self.0.steps.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
        self.0.most_keys.fetch_min((keys >> BITS_PER_STEP).max(1), Ordering::Relaxed);
    }

    /// A list has come to its end.
    pub(super) fn came(&self) {
        let wider = |keys: usize| (keys < MAX_PAGE_KEYS).then_some(keys << BITS_PER_STEP);
        let _widest = self.0.most_keys.fetch_update(Ordering::Relaxed, Ordering::Relaxed, wider);
    }

    pub(super) fn first_page_keys(&self) -> usize {
        (FIRST_PAGE_KEYS >> self.bits()).clamp(1, self.most_keys())
    }

    /// How many keys the next page should hold, judged by the last.
    pub(super) fn next_page_keys(&self, bytes: usize, keys: usize) -> usize {
        let page_bytes = self.page_bytes();
        let average = bytes.checked_div(keys).unwrap_or(page_bytes).max(1);
        (page_bytes / average).clamp(1, self.most_keys())
    }

    fn most_keys(&self) -> usize {
        self.0.most_keys.load(Ordering::Relaxed).clamp(1, MAX_PAGE_KEYS)
    }

    fn page_bytes(&self) -> usize {
        PAGE_BYTES >> self.bits()
    }

    fn bits(&self) -> u32 {
        self.0.steps.load(Ordering::Relaxed).saturating_mul(BITS_PER_STEP)
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
            pace.clone().slow_down(pace.first_page_keys());
        }
        assert_eq!(sizes, [(16, 4096), (4, 1024), (1, 256), (1, 64), (1, 64), (1, 64)]);
    }

    #[test]
    fn pages_aim_at_four_mebibytes() {
        let pace = Pace::default();
        assert_eq!(pace.next_page_keys(16 << 20, 16), 4);
        assert_eq!(pace.next_page_keys(32 << 20, 4), 1);
        assert_eq!(pace.next_page_keys(160, 16), MAX_PAGE_KEYS);
        assert_eq!(pace.next_page_keys(0, 0), 1);
    }

    /// Large values behind small ones: by those it would be hundreds of keys each time.
    #[test]
    fn a_page_that_does_not_come_has_fewer_keys_the_next_time_whatever_the_one_before_was() {
        let pace = Pace::default();
        let mut asked = Vec::new();
        for _ in 0..6 {
            let keys = pace.next_page_keys(150, 1).min(440);
            asked.push(keys);
            pace.slow_down(keys);
        }
        assert_eq!(asked, [440, 110, 27, 6, 1, 1]);
        let mut again = Vec::new();
        for _ in 0..6 {
            again.push(pace.next_page_keys(150, 1));
            pace.came();
        }
        assert_eq!(again, [1, 4, 16, 64, 256, 436], "after that the bytes bound it");
    }
}
