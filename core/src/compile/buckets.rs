//! The hash tables of all groups, side by side.

use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

use zerocopy::little_endian::U32;

use crate::image::bucket::{Bucket, PLACES};
use crate::image::key::Key;
use crate::image::{Group, LAST, LIST, Record, flags};

/// Takes entries one by one. In which order they come says where they lie, so it has to be that of the directives.
pub(super) struct BucketBuilder {
    buckets: Vec<Bucket>,
    /// The whole key of each place: what has the same key goes into one list.
    keys: Vec<[Key; PLACES]>,
    /// Directives whose key already had a place, and that.
    repeated: Vec<(Place, u32)>,
}

/// A place of a bucket.
type Place = (usize, usize);

impl BucketBuilder {
    pub(super) fn of(groups: &[Group]) -> Option<Self> {
        let buckets = groups.iter().map(|group| group.buckets.get()).try_fold(0, u32::checked_add)?;
        let buckets = usize::try_from(buckets).ok()?;
        Some(Self {
            buckets: vec![Bucket::EMPTY; buckets],
            keys: vec![[Key::EMPTY; PLACES]; buckets],
            repeated: Vec::new(),
        })
    }

    /// Puts an entry where the evaluator looks first, or else into the next bucket that has room.
    pub(super) fn insert(&mut self, group: &Group, key: Key, directive: u32) -> Option<()> {
        let (mut at, tag) = key.place(group.buckets.get());
        for _ in 0..group.buckets.get() {
            let place = usize::try_from(group.first_bucket.get().checked_add(at)?).ok()?;
            let (bucket, keys) = (self.buckets.get_mut(place)?, self.keys.get_mut(place)?);
            let taken = bucket.len();
            if let Some(same) = keys.iter().take(taken).position(|other| *other == key) {
                self.repeated.push(((place, same), directive));
                return Some(());
            }
            if bucket.push(tag, directive) {
                *keys.get_mut(taken)? = key;
                return Some(());
            }
            bucket.mark_overflown();
            at = at.wrapping_add(1) & group.buckets.get().wrapping_sub(1);
        }
        // There are more places than entries.
        None
    }

    /// The buckets, and the lists that they lead to.
    pub(super) fn finish(mut self, records: &[Record]) -> Option<(Vec<Bucket>, Vec<U32>)> {
        let mut lists = Vec::with_capacity(self.repeated.len());
        self.repeated.sort_unstable();
        for repeated in self.repeated.chunk_by(|(one, _), (other, _)| one == other) {
            let &((bucket, place), _) = repeated.first()?;
            let found = self.buckets.get_mut(bucket)?.places.get_mut(place)?;
            let start = lists.len();
            lists.push(*found);
            lists.extend(repeated.iter().map(|&(_, directive)| U32::new(directive)));
            let list = lists.get_mut(start..)?;
            list.sort_unstable_by_key(|directive| order(records, directive.get()));
            let last = list.last_mut()?;
            *last = U32::new(last.get() | LAST);
            *found = U32::new(u32::try_from(start).ok()? | LIST);
        }
        Some((self.buckets, lists))
    }
}

/// Those that decide most come first.
fn order(records: &[Record], directive: u32) -> (bool, Reverse<u8>, u32) {
    let record = usize::try_from(directive).ok().and_then(|place| records.get(place));
    let (flags, level) = record.map_or((0, 0), |record| (record.flags, record.level));
    (flags & flags::SUPPRESS == 0, Reverse(level), directive)
}
