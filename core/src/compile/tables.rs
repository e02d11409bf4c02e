//! The hash tables of the groups.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use hashbrown::HashMap;
use zerocopy::IntoBytes;
use zerocopy::little_endian::U32;

use crate::directive::Target;
use crate::image::hash::{self, Combined};
use crate::image::{Entry, Group, Record, check, facts, flags};
use crate::limits::MAX_ENTRIES;
use crate::vocabulary::DiagLevel;

/// What the directives are found by.
pub(super) struct Tables {
    pub(super) groups: Vec<Group>,
    pub(super) tables: Vec<u8>,
    pub(super) label_filter: u64,
}

/// Collects what directives are found by, one directive at a time.
pub(super) struct TableBuilder {
    drafts: [Option<Draft>; facts::GROUPS],
    /// Directives with labels: which of their pairs goes into the table is known only at the end.
    labelled: Vec<Labelled>,
    /// Their pairs, as hashes of name and value.
    pairs: Vec<(u64, u64)>,
    entries: usize,
}

/// The directives that ask for the same facts, while they are collected.
struct Draft {
    facts: u8,
    max_level: u8,
    flags: u8,
    first_of_max: u32,
    /// In order of the directives.
    entries: Vec<(Combined, u32)>,
}

/// Entries that lack a pair of labels, and the pairs to choose from.
struct Labelled {
    facts: u8,
    entries: Range<usize>,
    pairs: Range<usize>,
}

impl TableBuilder {
    pub(super) fn new() -> Self {
        let drafts = [const { None }; facts::GROUPS];
        Self { drafts, labelled: Vec::new(), pairs: Vec::new(), entries: 0 }
    }

    /// Adds the directive that the record at `place` holds; `None` if there are too many entries.
    pub(super) fn push(&mut self, place: u32, record: &Record, target: &Target<'_>) -> Option<()> {
        self.entries = self.entries.saturating_add(target.combinations()?);
        if self.entries > MAX_ENTRIES {
            return None;
        }
        let facts = record.facts();
        let draft = self.drafts.get_mut(usize::from(facts))?.get_or_insert_with(|| Draft::new(facts));
        let entries = draft.push(place, record, target);
        if !target.labels.is_empty() {
            let start = self.pairs.len();
            let hash = |text: &str| hash::value(text.as_bytes());
            self.pairs.extend(target.labels.iter().map(|(name, value)| (hash(name), hash(value))));
            self.labelled.push(Labelled { facts, entries, pairs: start..self.pairs.len() });
        }
        Some(())
    }

    /// Builds the tables over these records, which are those that were pushed; `None` if they would be too large.
    pub(super) fn finish(mut self, records: &[Record]) -> Option<Tables> {
        let label_filter = self.choose_pairs()?;
        let mut drafts: Vec<Draft> = self.drafts.into_iter().flatten().collect();
        drafts.sort_by_key(Draft::order);
        let mut tables = Vec::new();
        let groups = drafts.iter().map(|draft| draft.finish(records, &mut tables)).collect::<Option<_>>()?;
        Some(Tables { groups, tables, label_filter })
    }

    /// Puts into the table the pair of each directive that tells most: the rarest, of equals the first. Gives the filter
    /// over their names.
    fn choose_pairs(&mut self) -> Option<u64> {
        let mut counts = HashMap::<_, u32>::new();
        for pair in &self.pairs {
            let count = counts.entry(*pair).or_default();
            *count = count.saturating_add(1);
        }
        let mut filter = 0;
        for Labelled { facts, entries, pairs } in &self.labelled {
            let pairs = self.pairs.get(pairs.clone())?;
            let (name, value) = pairs.iter().min_by_key(|pair| counts.get(*pair).copied().unwrap_or(0))?;
            let draft = self.drafts.get_mut(usize::from(*facts))?.as_mut()?;
            for (combined, _) in draft.entries.get_mut(entries.clone())? {
                *combined = combined.and(*name).and(*value);
            }
            filter |= hash::filter_bit(*name);
        }
        Some(filter)
    }
}

impl Draft {
    fn new(facts: u8) -> Self {
        Self { facts, max_level: 0, flags: 0, first_of_max: u32::MAX, entries: Vec::new() }
    }

    /// The order of the groups: what can end the walk earliest comes first.
    fn order(&self) -> (bool, core::cmp::Reverse<u8>, u8) {
        (self.flags & flags::SUPPRESS == 0, core::cmp::Reverse(self.max_level), self.facts)
    }

    /// Adds an entry for each combination of the directive's values; where they lie.
    fn push(&mut self, place: u32, record: &Record, target: &Target<'_>) -> Range<usize> {
        if self.entries.is_empty() || record.level > self.max_level {
            self.max_level = record.level;
            self.first_of_max = place;
        }
        self.flags |= record.flags & (flags::RING_BUFFER | flags::CAPTURE | flags::SUPPRESS);
        let start = self.entries.len();
        self.entries.push((Combined::EMPTY, place));
        for list in [&target.tenants, &target.indices, &target.principals] {
            self.multiply(start, list.as_slice().iter().map(|text| hash::value(text.as_bytes())));
        }
        self.multiply(start, target.endpoints.iter().map(hash::endpoint));
        start..self.entries.len()
    }

    /// Combines every entry from `start` on with every value; without values they stay as they are.
    fn multiply(&mut self, start: usize, mut values: impl Iterator<Item = u64>) {
        let Some(first) = values.next() else { return };
        let end = self.entries.len();
        // The first value is combined last: until then the entries are what the others are combined with.
        for value in values {
            for at in start..end {
                let Some(&(combined, place)) = self.entries.get(at) else { return };
                self.entries.push((combined.and(value), place));
            }
        }
        for (combined, _) in self.entries.iter_mut().take(end).skip(start) {
            *combined = combined.and(first);
        }
    }

    /// Sorts the entries into buckets, by counting, and writes the table.
    fn finish(&self, records: &[Record], tables: &mut Vec<u8>) -> Option<Group> {
        let entries = u32::try_from(self.entries.len()).ok()?;
        let buckets = if self.facts == 0 { 1 } else { entries.checked_next_power_of_two()? };
        let group = Group {
            facts: self.facts,
            max_level: self.max_level,
            flags: self.flags,
            reserved: 0,
            first_of_max: U32::new(self.first_of_max),
            table: U32::new(u32::try_from(tables.len()).ok()?),
            buckets: U32::new(buckets),
            entries: U32::new(entries),
        };
        let mut starts = vec![0_u32; usize::try_from(buckets).ok()?.checked_add(1)?];
        for (combined, _) in &self.entries {
            let (bucket, _) = combined.place(buckets);
            let count = starts.get_mut(bucket.checked_add(1)?)?;
            *count = count.checked_add(1)?;
        }
        let mut sum = 0_u32;
        for start in &mut starts {
            sum = sum.checked_add(*start)?;
            *start = sum;
        }
        let sorted = self.sorted(records, buckets, &starts)?;
        tables.reserve(check::table_len(&group));
        starts.iter().for_each(|start| tables.extend_from_slice(&start.to_le_bytes()));
        tables.extend_from_slice(sorted.as_bytes());
        Some(group)
    }

    /// The entries in the order of their buckets; within one, those that decide most come first.
    fn sorted(&self, records: &[Record], buckets: u32, starts: &[u32]) -> Option<Vec<Entry>> {
        let mut sorted = vec![Entry { tag: U32::ZERO, directive: U32::ZERO }; self.entries.len()];
        let mut next: Vec<u32> = starts.to_vec();
        for &(combined, directive) in &self.entries {
            let (bucket, tag) = combined.place(buckets);
            let place = next.get_mut(bucket)?;
            *sorted.get_mut(usize::try_from(*place).ok()?)? =
                Entry { tag: U32::new(tag), directive: U32::new(directive) };
            *place = place.checked_add(1)?;
        }
        for bounds in starts.windows(2) {
            let &[start, end] = bounds else { return None };
            let bucket = sorted.get_mut(usize::try_from(start).ok()?..usize::try_from(end).ok()?)?;
            if bucket.len() > 1 {
                bucket.sort_by_key(|entry| entry_order(records, entry));
            }
        }
        Some(sorted)
    }
}

fn entry_order(records: &[Record], entry: &Entry) -> (u32, bool, core::cmp::Reverse<u8>, u32) {
    let record = usize::try_from(entry.directive.get()).ok().and_then(|place| records.get(place));
    let (flags, level) = record.map_or((0, DiagLevel::Off.code()), |record| (record.flags, record.level));
    (entry.tag.get(), flags & flags::SUPPRESS == 0, core::cmp::Reverse(level), entry.directive.get())
}
