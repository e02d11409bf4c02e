//! The hash tables of the groups.

use alloc::vec;
use alloc::vec::Vec;

use hashbrown::HashMap;
use zerocopy::IntoBytes;
use zerocopy::little_endian::U32;

use crate::image::hash::{self, Combined};
use crate::image::{Entry, Group, Record, Sections, check, facts, flags};
use crate::limits::MAX_ENTRIES;
use crate::vocabulary::{DiagLevel, EndpointSet};

/// What the directives are found by.
pub(super) struct Tables {
    pub(super) groups: Vec<Group>,
    pub(super) tables: Vec<u8>,
    pub(super) label_filter: u64,
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

/// Builds the tables over the directives of `sections`; `None` if they would be too large.
pub(super) fn build(sections: &Sections<'_>) -> Option<Tables> {
    let pairs = PairCounts::of(sections);
    let mut drafts: [Option<Draft>; facts::GROUPS] = [const { None }; facts::GROUPS];
    let mut label_filter = 0;
    let mut total = 0_usize;
    for (place, record) in (0_u32..).zip(sections.records) {
        let facts = record.facts();
        let draft = drafts.get_mut(usize::from(facts))?.get_or_insert_with(|| Draft::new(facts));
        let pair = pairs.rarest(sections, record);
        label_filter |= pair.map_or(0, |(name, _)| hash::filter_bit(name));
        draft.push(sections, place, record, pair);
        total = total.saturating_add(combinations(record));
        if total > MAX_ENTRIES {
            return None;
        }
    }
    let mut drafts: Vec<Draft> = drafts.into_iter().flatten().collect();
    drafts.sort_by_key(Draft::order);
    let mut tables = Vec::new();
    let groups = drafts.iter().map(|draft| draft.finish(sections, &mut tables)).collect::<Option<_>>()?;
    Some(Tables { groups, tables, label_filter })
}

fn combinations(record: &Record) -> usize {
    let endpoints = EndpointSet::from_bits(record.endpoints.get()).map_or(0, EndpointSet::len);
    [record.tenants.count, record.indices.count, record.principals.count]
        .into_iter()
        .map(|count| usize::from(count.get()))
        .chain([endpoints])
        .fold(1, |product, len| product.saturating_mul(len.max(1)))
}

impl Draft {
    fn new(facts: u8) -> Self {
        Self { facts, max_level: 0, flags: 0, first_of_max: u32::MAX, entries: Vec::new() }
    }

    /// The order of the groups: what can end the walk earliest comes first.
    fn order(&self) -> (bool, core::cmp::Reverse<u8>, u8) {
        (self.flags & flags::SUPPRESS == 0, core::cmp::Reverse(self.max_level), self.facts)
    }

    /// Adds an entry for each combination of the directive's values.
    fn push(&mut self, sections: &Sections<'_>, place: u32, record: &Record, pair: Option<(u64, u64)>) {
        if self.entries.is_empty() || record.level > self.max_level {
            self.max_level = record.level;
            self.first_of_max = place;
        }
        self.flags |= record.flags & (flags::RING_BUFFER | flags::CAPTURE | flags::SUPPRESS);
        let texts = [&record.tenants, &record.indices, &record.principals];
        let endpoints = EndpointSet::from_bits(record.endpoints.get()).unwrap_or(EndpointSet::EMPTY);
        let values = texts.into_iter().map(|values| sections.values(values).map(hash::value));
        let pair = pair.into_iter().flat_map(|(name, value)| [name, value]);
        if combinations(record) == 1 {
            let all = values.flatten().chain(endpoints.iter().map(hash::endpoint)).chain(pair);
            self.entries.push((all.fold(Combined::EMPTY, Combined::and), place));
            return;
        }
        let mut combined = vec![Combined::EMPTY];
        for hashes in values {
            combined = multiply(combined, &hashes.collect::<Vec<_>>());
        }
        combined = multiply(combined, &endpoints.iter().map(hash::endpoint).collect::<Vec<_>>());
        combined = pair.fold(combined, |combined, value| multiply(combined, &[value]));
        self.entries.extend(combined.into_iter().map(|combined| (combined, place)));
    }

    /// Sorts the entries into buckets, by counting, and writes the table.
    fn finish(&self, sections: &Sections<'_>, tables: &mut Vec<u8>) -> Option<Group> {
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
        let sorted = self.sorted(sections, buckets, &starts)?;
        tables.reserve(check::table_len(&group));
        starts.iter().for_each(|start| tables.extend_from_slice(&start.to_le_bytes()));
        tables.extend_from_slice(sorted.as_bytes());
        Some(group)
    }

    /// The entries in the order of their buckets; within one, those that decide most come first.
    fn sorted(&self, sections: &Sections<'_>, buckets: u32, starts: &[u32]) -> Option<Vec<Entry>> {
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
                bucket.sort_by_key(|entry| entry_order(sections, entry));
            }
        }
        Some(sorted)
    }
}

/// Every old combination with every value; the old ones if the fact is not asked for.
fn multiply(combined: Vec<Combined>, hashes: &[u64]) -> Vec<Combined> {
    match hashes {
        [] => combined,
        some => combined.iter().flat_map(|old| some.iter().map(|&value| old.and(value))).collect(),
    }
}

fn entry_order(sections: &Sections<'_>, entry: &Entry) -> (u32, bool, core::cmp::Reverse<u8>, u32) {
    let record = usize::try_from(entry.directive.get()).ok().and_then(|place| sections.records.get(place));
    let (flags, level) = record.map_or((0, DiagLevel::Off.code()), |record| (record.flags, record.level));
    (entry.tag.get(), flags & flags::SUPPRESS == 0, core::cmp::Reverse(level), entry.directive.get())
}

/// How often each pair of label name and value occurs in the set.
struct PairCounts(HashMap<(u64, u64), u32>);

impl PairCounts {
    fn of(sections: &Sections<'_>) -> Self {
        let mut counts = HashMap::new();
        for record in sections.records.iter().filter(|record| record.label_count > 0) {
            for pair in pairs(sections, record) {
                let count: &mut u32 = counts.entry(pair).or_default();
                *count = count.saturating_add(1);
            }
        }
        Self(counts)
    }

    /// The pair of a directive that tells most: the rarest, of equals the first.
    fn rarest(&self, sections: &Sections<'_>, record: &Record) -> Option<(u64, u64)> {
        pairs(sections, record).min_by_key(|pair| self.0.get(pair).copied().unwrap_or(0))
    }
}

fn pairs<'s>(sections: &Sections<'s>, record: &Record) -> impl Iterator<Item = (u64, u64)> + use<'s> {
    sections.labels(record).map(|(name, value)| (hash::value(name), hash::value(value)))
}
