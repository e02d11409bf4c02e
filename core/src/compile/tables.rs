//! What directives are found by: groups, and for each the hash table of its entries.

use alloc::vec::Vec;
use core::cmp::Reverse;
use core::ops::Range;

use hashbrown::HashMap;
use zerocopy::little_endian::U32;

use super::buckets::BucketBuilder;
use super::filters::{FilterBuilder, Filters};
use crate::directive::Target;
use crate::hash;
use crate::image::bucket::Bucket;
use crate::image::key::{self, Key, Part};
use crate::image::{Group, Record, facts, flags};
use crate::limits::MAX_ENTRIES;

/// Entries for which a table has one bucket, at most. Seven fit, so that nearly all stand in the bucket of their hash.
const ENTRIES_PER_BUCKET: u32 = 5;

/// What the directives are found by.
pub(super) struct Tables {
    pub(super) groups: Vec<Group>,
    pub(super) filters: Filters,
    pub(super) buckets: Vec<Bucket>,
    pub(super) lists: Vec<U32>,
    pub(super) label_filter: u64,
}

/// Collects what directives are found by, one directive at a time.
pub(super) struct TableBuilder {
    drafts: [Option<Draft>; facts::GROUPS],
    /// In order of the directives.
    entries: Vec<Entry>,
    filters: FilterBuilder,
    /// Directives with labels: which of their pairs goes into the table is known only at the end.
    labelled: Vec<Labelled>,
    /// Their pairs, as hashes of name and value.
    pairs: Vec<(u64, u64)>,
}

/// The directives that ask for the same facts, while they are collected.
struct Draft {
    max_level: u8,
    flags: u8,
    first_of_max: u32,
    entries: u32,
}

/// One combination of values under which a directive can be found.
#[derive(Clone, Copy)]
struct Entry {
    key: Key,
    directive: u32,
    facts: u8,
}

/// Entries that lack a pair of labels, and the pairs to choose from.
struct Labelled {
    entries: Range<usize>,
    pairs: Range<usize>,
}

impl TableBuilder {
    pub(super) fn with_capacity(directives: usize) -> Self {
        Self {
            drafts: [const { None }; facts::GROUPS],
            entries: Vec::with_capacity(directives),
            filters: FilterBuilder::with_capacity(directives),
            labelled: Vec::new(),
            pairs: Vec::new(),
        }
    }

    /// Adds a directive and its record; `None` if there are too many entries.
    pub(super) fn push(&mut self, directive: u32, record: &Record, target: &Target<'_>) -> Option<()> {
        let combinations = target.combinations()?;
        if self.entries.len().saturating_add(combinations) > MAX_ENTRIES {
            return None;
        }
        let facts = record.facts();
        let draft = self.drafts.get_mut(usize::from(facts))?.get_or_insert(Draft::EMPTY);
        draft.add(directive, record, u32::try_from(combinations).ok()?);
        let entries = self.push_entries(Entry { key: Key::EMPTY, directive, facts }, target);
        if !target.labels.is_empty() {
            let start = self.pairs.len();
            let hash = |text: &str| hash::text(text.as_bytes());
            self.pairs.extend(target.labels.iter().map(|(name, value)| (hash(name), hash(value))));
            self.labelled.push(Labelled { entries, pairs: start..self.pairs.len() });
        }
        Some(())
    }

    /// Adds an entry for each combination of the directive's values; where they lie.
    fn push_entries(&mut self, first: Entry, target: &Target<'_>) -> Range<usize> {
        let start = self.entries.len();
        self.entries.push(first);
        for (text, (part, list)) in (0..).zip([
            (Part::Tenant, &target.tenants),
            (Part::Index, &target.indices),
            (Part::Principal, &target.principals),
        ]) {
            let values = list.as_slice().iter().map(|value| {
                let value = hash::text(value.as_bytes());
                self.filters.push_text(text, value, first.facts);
                Key::part(part, value)
            });
            multiply(&mut self.entries, start, values);
        }
        self.filters.push_endpoints(target.endpoints, first.facts);
        let endpoints = target.endpoints.iter().map(|kind| Key::part(Part::Endpoint, key::endpoint(kind)));
        multiply(&mut self.entries, start, endpoints);
        start..self.entries.len()
    }

    /// Builds the tables over these records, which are those that were pushed; `None` if they would be too large.
    pub(super) fn finish(mut self, records: &[Record]) -> Option<Tables> {
        let label_filter = self.choose_pairs()?;
        let groups = self.groups()?;
        let mut places = [0; facts::GROUPS];
        for (place, group) in (0_u32..).zip(&groups) {
            *places.get_mut(usize::from(group.facts))? = place;
        }
        let mut buckets = BucketBuilder::of(&groups)?;
        for Entry { key, directive, facts } in self.entries {
            let place = usize::try_from(*places.get(usize::from(facts))?).ok()?;
            buckets.insert(groups.get(place)?, key, directive)?;
        }
        let filters = self.filters.finish(&groups, &places)?;
        let (buckets, lists) = buckets.finish(records)?;
        Some(Tables { groups, filters, buckets, lists, label_filter })
    }

    /// The groups in their order, and where their tables lie.
    fn groups(&self) -> Option<Vec<Group>> {
        let drafts = (0_u8..).zip(&self.drafts).filter_map(|(facts, draft)| Some((facts, draft.as_ref()?)));
        let mut groups = drafts.map(|(facts, draft)| draft.finish(facts)).collect::<Option<Vec<_>>>()?;
        // What can end the walk earliest comes first.
        groups
            .sort_by_key(|group| (group.flags & flags::SUPPRESS == 0, Reverse(group.max_level), group.facts));
        let mut next = 0_u32;
        for group in &mut groups {
            group.first_bucket = U32::new(next);
            next = next.checked_add(group.buckets.get())?;
        }
        Some(groups)
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
        for Labelled { entries, pairs } in &self.labelled {
            let pairs = self.pairs.get(pairs.clone())?;
            let (name, value) = pairs.iter().min_by_key(|pair| counts.get(*pair).copied().unwrap_or(0))?;
            for entry in self.entries.get_mut(entries.clone())? {
                entry.key = entry.key.and(key::label(*name, *value));
            }
            filter |= key::label_bit(*name);
        }
        Some(filter)
    }
}

impl Draft {
    const EMPTY: Self = Self { max_level: 0, flags: 0, first_of_max: u32::MAX, entries: 0 };

    fn add(&mut self, directive: u32, record: &Record, entries: u32) {
        if self.entries == 0 || record.level > self.max_level {
            self.max_level = record.level;
            self.first_of_max = directive;
        }
        self.flags |= record.flags & (flags::RING_BUFFER | flags::CAPTURE | flags::SUPPRESS);
        self.entries = self.entries.saturating_add(entries);
    }

    fn finish(&self, facts: u8) -> Option<Group> {
        // What asks for nothing has one key.
        let buckets = if facts == 0 { 1 } else { self.entries.div_ceil(ENTRIES_PER_BUCKET) };
        Some(Group {
            facts,
            max_level: self.max_level,
            flags: self.flags,
            reserved: 0,
            first_of_max: U32::new(self.first_of_max),
            first_bucket: U32::ZERO,
            buckets: U32::new(buckets.checked_next_power_of_two()?),
        })
    }
}

/// Combines every entry from `start` on with every value; without values they stay as they are.
fn multiply(entries: &mut Vec<Entry>, start: usize, mut values: impl Iterator<Item = Key>) {
    let Some(first) = values.next() else { return };
    let end = entries.len();
    // The first value is combined last: until then the entries are what the others are combined with.
    for value in values {
        for at in start..end {
            let Some(&entry) = entries.get(at) else { return };
            entries.push(Entry { key: entry.key.and(value), ..entry });
        }
    }
    for entry in entries.iter_mut().take(end).skip(start) {
        entry.key = entry.key.and(first);
    }
}
