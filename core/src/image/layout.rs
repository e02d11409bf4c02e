//! Where in an image everything is. Reckoned once per set, in the machine's own numbers: a decision reads nothing of the
//! header.

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::bucket::Bucket;
use super::{ENDPOINTS, Group, Header, LAST, Record, StrRef, TEXTS, Values, facts};
use crate::hash;

/// Where the sections of an image start, how many elements they have, and what a decision needs of the header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    // What a walk of few directives needs comes first: that is one cache line.
    latest_expiry: u64,
    records: usize,
    records_at: usize,
    heap_at: usize,
    strings: usize,
    strings_at: usize,
    /// Which groups ask for each fact, as one bit per group, by the number of the fact's bit.
    asking: [u32; facts::COUNT],
    every_group: u32,
    groups: usize,
    buckets: usize,
    buckets_at: usize,
    lists: usize,
    lists_at: usize,
    filters: [Filter; TEXTS],
    label_filter: u64,
    endpoint_filter: [u8; ENDPOINTS],
    earliest_expiry: u64,
}

/// Where the cells of a filter are.
#[derive(Clone, Copy, Debug)]
struct Filter {
    at: usize,
    /// One less than there are: they are a power of two.
    mask: usize,
}

impl Layout {
    /// No sections.
    pub(crate) const EMPTY: Self = Self {
        latest_expiry: 0,
        records: 0,
        records_at: 0,
        heap_at: 0,
        strings: 0,
        strings_at: 0,
        asking: [0; facts::COUNT],
        every_group: 0,
        groups: 0,
        buckets: 0,
        buckets_at: 0,
        lists: 0,
        lists_at: 0,
        filters: [Filter { at: 0, mask: 0 }; TEXTS],
        label_filter: 0,
        endpoint_filter: [0; ENDPOINTS],
        earliest_expiry: 0,
    };

    /// Of an image; `None` if the counts in its header do not fit its length.
    pub(crate) fn of(header: &Header, image: &[u8]) -> Option<Self> {
        let mut ruler = Ruler { end: size_of::<Header>() };
        let (_, groups) = ruler.section::<Group>(header.groups)?;
        let [tenants, indices, principals] = header.filters;
        let filters = [ruler.filter(tenants)?, ruler.filter(indices)?, ruler.filter(principals)?];
        let (buckets_at, buckets) = ruler.section::<Bucket>(header.buckets)?;
        let (lists_at, lists) = ruler.section::<U32>(header.lists)?;
        let (records_at, records) = ruler.section::<Record>(header.directives)?;
        let (strings_at, strings) = ruler.section::<StrRef>(header.strings)?;
        let (heap_at, _) = ruler.section::<u8>(header.heap_len)?;
        let layout = Self {
            latest_expiry: header.latest_expiry.get(),
            records,
            records_at,
            heap_at,
            strings,
            strings_at,
            asking: [0; facts::COUNT],
            every_group: !u32::MAX.checked_shl(header.groups.get()).unwrap_or(0),
            groups,
            buckets,
            buckets_at,
            lists,
            lists_at,
            filters,
            label_filter: header.label_filter.get(),
            endpoint_filter: header.endpoint_filter,
            earliest_expiry: header.earliest_expiry.get(),
        };
        (ruler.end == image.len()).then(|| Self { asking: asking(Sections::of(&layout, image)), ..layout })
    }

    pub(crate) fn latest_expiry(&self) -> u64 {
        self.latest_expiry
    }

    pub(crate) fn earliest_expiry(&self) -> u64 {
        self.earliest_expiry
    }

    /// How many directives.
    pub(crate) fn directives(&self) -> usize {
        self.records
    }

    /// The groups that ask for a fact, given by its bit, as one bit each.
    #[inline]
    pub(crate) fn asking(&self, fact: u8) -> u32 {
        let number = usize::try_from(fact.trailing_zeros()).unwrap_or(usize::MAX);
        self.asking.get(number).map_or(0, |&groups| groups)
    }

    /// Every group.
    pub(crate) fn every_group(&self) -> u32 {
        self.every_group
    }

    pub(crate) fn label_filter(&self) -> u64 {
        self.label_filter
    }

    /// The groups in which an endpoint can occur: those of its bits, whatever they ask for.
    pub(crate) fn groups_of_endpoint(&self, code: u8) -> u32 {
        self.endpoint_filter.get(usize::from(code)).map_or(0, |&cell| spread(cell))
    }
}

fn asking(sections: Sections<'_>) -> [u32; facts::COUNT] {
    let mut asking = [0; facts::COUNT];
    for (group, bit) in sections.groups().iter().zip((0..u32::BITS).map(|shift| 1 << shift)) {
        for (fact, groups) in asking.iter_mut().enumerate() {
            *groups |= if group.facts >> fact & 1 == 1 { bit } else { 0 };
        }
    }
    asking
}

/// Whether two texts of one length, longer than sixteen bytes, are the same. To call the platform's `memcmp` costs more
/// than to compare words here, and on WebAssembly it would go byte by byte.
#[inline(never)]
fn is_same_long(one: &[u8], other: &[u8]) -> bool {
    let (words, other_words) = (one.as_chunks::<8>().0, other.as_chunks::<8>().0);
    one.last_chunk::<8>() == other.last_chunk()
        && words.iter().zip(other_words).all(|(one, other)| one == other)
}

/// A cell of a filter as one bit per group.
fn spread(cell: u8) -> u32 {
    u32::from_le_bytes([cell; 4])
}

/// Measures sections one after the other.
struct Ruler {
    end: usize,
}

impl Ruler {
    /// Where the next section starts, and how many elements it has.
    fn section<T>(&mut self, count: U32) -> Option<(usize, usize)> {
        let (start, count) = (self.end, usize::try_from(count.get()).ok()?);
        self.end = start.checked_add(count.checked_mul(size_of::<T>())?)?;
        Some((start, count))
    }

    fn filter(&mut self, cells: U32) -> Option<Filter> {
        let (at, cells) = self.section::<u8>(cells)?;
        Some(Filter { at, mask: cells.wrapping_sub(1) })
    }
}

/// An image cut into its sections. Each is cut out when it is asked for: a walk of few directives needs few of them.
///
/// What a layout or a reference leads to outside of the image is empty; in a checked image none does.
#[derive(Clone, Copy)]
pub(crate) struct Sections<'i> {
    image: &'i [u8],
    layout: &'i Layout,
}

impl<'i> Sections<'i> {
    pub(crate) fn of(layout: &'i Layout, image: &'i [u8]) -> Self {
        Self { image, layout }
    }

    pub(crate) fn layout(&self) -> &'i Layout {
        self.layout
    }

    pub(crate) fn groups(&self) -> &'i [Group] {
        self.all(size_of::<Header>(), self.layout.groups)
    }

    pub(crate) fn records(&self) -> &'i [Record] {
        self.all(self.layout.records_at, self.layout.records)
    }

    pub(crate) fn buckets(&self) -> &'i [Bucket] {
        self.all(self.layout.buckets_at, self.layout.buckets)
    }

    pub(crate) fn lists(&self) -> &'i [U32] {
        self.all(self.layout.lists_at, self.layout.lists)
    }

    pub(crate) fn strings(&self) -> &'i [StrRef] {
        self.all(self.layout.strings_at, self.layout.strings)
    }

    pub(crate) fn heap(&self) -> &'i [u8] {
        self.image.get(self.layout.heap_at..).unwrap_or_default()
    }

    #[inline(always)]
    pub(crate) fn group(&self, place: u32) -> Option<&'i Group> {
        self.one(size_of::<Header>(), place)
    }

    #[inline(always)]
    pub(crate) fn record(&self, place: u32) -> Option<&'i Record> {
        self.one(self.layout.records_at, place)
    }

    #[inline(always)]
    pub(crate) fn bucket(&self, place: u32) -> Option<&'i Bucket> {
        self.one(self.layout.buckets_at, place)
    }

    /// The directives of a list.
    pub(crate) fn list(&self, start: u32) -> impl Iterator<Item = u32> + use<'i> {
        let from = usize::try_from(start).ok().and_then(|start| self.lists().get(start..));
        let (mut rest, mut is_over) = (from.unwrap_or_default().iter(), false);
        core::iter::from_fn(move || {
            let place = rest.next().filter(|_| !is_over)?.get();
            is_over = place & LAST != 0;
            Some(place & !LAST)
        })
    }

    /// The groups in which a value with this hash can occur: those of its bits, whatever they ask for.
    pub(crate) fn groups_of(&self, text: usize, hash: u64) -> u32 {
        let Some(filter) = self.layout.filters.get(text) else { return 0 };
        if filter.mask == 0 {
            // One cell lets everything pass. Not reading it lets the group be read before the hash is known.
            return u32::MAX;
        }
        let [b0, b1, b2, b3, ..] = hash.to_le_bytes();
        let cell = usize::try_from(u32::from_le_bytes([b0, b1, b2, b3])).unwrap_or(0) & filter.mask;
        self.image.get(filter.at.wrapping_add(cell)).map_or(0, |&cell| spread(cell))
    }

    #[inline]
    fn all<T: FromBytes + Immutable + KnownLayout + Unaligned>(&self, at: usize, count: usize) -> &'i [T] {
        let bytes = self.image.get(at..);
        bytes
            .and_then(|bytes| <[T]>::ref_from_prefix_with_elems(bytes, count).ok())
            .map_or(&[], |(all, _)| all)
    }

    /// One element of a section, without cutting the section: that is one comparison.
    #[inline(always)]
    fn one<T: FromBytes + Immutable + KnownLayout + Unaligned>(
        &self,
        at: usize,
        place: u32,
    ) -> Option<&'i T> {
        let start = at.wrapping_add(usize::try_from(place).ok()?.wrapping_mul(size_of::<T>()));
        T::ref_from_prefix(self.image.get(start..)?).ok().map(|(one, _)| one)
    }

    /// Bytes of the heap.
    #[inline]
    pub(crate) fn text(&self, start: U32, len: usize) -> &'i [u8] {
        let start = self.layout.heap_at.wrapping_add(usize::try_from(start.get()).unwrap_or(usize::MAX));
        self.image.get(start..).and_then(|from| from.get(..len)).unwrap_or_default()
    }

    /// Whether these bytes stand in the heap from `start` on. Names are short: up to sixteen bytes are compared in place,
    /// as two numbers.
    #[inline(always)]
    pub(crate) fn has_text(&self, start: U32, text: &[u8]) -> bool {
        let start = self.layout.heap_at.wrapping_add(usize::try_from(start.get()).unwrap_or(usize::MAX));
        let Some(stored) = self.image.get(start..).and_then(|from| from.get(..text.len())) else {
            return false;
        };
        if text.len() > 16 { is_same_long(stored, text) } else { hash::ends(stored) == hash::ends(text) }
    }

    /// `count` string references from `start` on.
    pub(crate) fn refs(&self, start: U32, count: usize) -> &'i [StrRef] {
        let range =
            usize::try_from(start.get()).ok().and_then(|start| Some(start..start.checked_add(count)?));
        range.and_then(|range| self.strings().get(range)).unwrap_or_default()
    }

    pub(crate) fn str_ref(&self, string: &StrRef) -> &'i [u8] {
        self.text(string.start, usize::try_from(string.len.get()).unwrap_or(usize::MAX))
    }

    /// The values of a target.
    pub(crate) fn values(&self, values: &'i Values) -> impl Iterator<Item = &'i [u8]> + use<'i> {
        let sections = *self;
        let one = (values.count.get() == 1).then(|| self.text(values.start, values.len.get().into()));
        let several =
            if values.count.get() > 1 { self.refs(values.start, values.count.get().into()) } else { &[] };
        one.into_iter().chain(several.iter().map(move |string| sections.str_ref(string)))
    }

    /// The labels of a directive, name and value.
    #[inline]
    pub(crate) fn labels(&self, record: &Record) -> impl Iterator<Item = (&'i [u8], &'i [u8])> + use<'i> {
        let sections = *self;
        let refs = self.refs(record.labels, usize::from(record.label_count).saturating_mul(2));
        let (pairs, _) = refs.as_chunks::<2>();
        pairs.iter().map(move |[name, value]| (sections.str_ref(name), sections.str_ref(value)))
    }
}
