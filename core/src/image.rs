//! The image: a compiled set as one flat, position-independent byte string.
//!
//! ```text
//! header | groups | directives | string references | tables, one per group | string heap
//! ```
//!
//! Everything is little-endian and unaligned, every offset counts from the start of its section, and the sections follow
//! one another without gaps. The same directives give the same bytes on every platform. The native cache, a guest's
//! memory, a disk copy and a relay's body hold the same bytes.
//!
//! An image is validated once ([`check`]). After that every access is still bounds-checked, so a mistake in the check
//! could make a decision wrong but never make it fail.
//!
//! Directives are grouped by *which* facts they ask for (tuple-space search: Srinivasan, Suri, Varghese, *Packet
//! Classification using Tuple Space Search*, 1999). Each group has a hash table over the values of those facts, so one
//! probe per group finds every directive that can match. Any-of lists are multiplied out into entries. Of several labels
//! only one pair is in the table, the rarest; the others are compared on the directive itself. There are at most 32
//! groups, however many directives.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

pub(crate) mod check;
pub(crate) mod hash;

pub(crate) const MAGIC: [u8; 8] = *b"aldisimg";

/// Facts that a directive may ask for, as bits of [`Group::facts`].
pub(crate) mod facts {
    pub(crate) const TENANT: u8 = 1;
    pub(crate) const INDEX: u8 = 2;
    pub(crate) const PRINCIPAL: u8 = 4;
    pub(crate) const ENDPOINT: u8 = 8;
    pub(crate) const LABEL: u8 = 16;
    /// How many combinations there are.
    pub(crate) const GROUPS: usize = 32;
}

/// Bits of [`Record::flags`] and [`Group::flags`].
pub(crate) mod flags {
    pub(crate) const RING_BUFFER: u8 = 1;
    pub(crate) const CAPTURE: u8 = 2;
    pub(crate) const SUPPRESS: u8 = 4;
    /// Of a record only: it has a salt, though that may be empty.
    pub(crate) const SALTED: u8 = 8;
    /// Of a record only: it has a `not_before`.
    pub(crate) const NOT_BEFORE: u8 = 16;
}

/// Start of an image.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Header {
    pub(crate) magic: [u8; 8],
    pub(crate) version: U16,
    /// Every fact that a directive asks for, as bits of [`facts`].
    pub(crate) facts: u8,
    pub(crate) reserved: u8,
    /// Bytes of the whole image.
    pub(crate) len: U32,
    /// Over everything behind this field.
    pub(crate) checksum: U64,
    pub(crate) groups: U32,
    pub(crate) directives: U32,
    pub(crate) strings: U32,
    pub(crate) heap_len: U32,
    /// First point at which a directive ends; zero for an empty set.
    pub(crate) earliest_expiry: U64,
    /// Point at which the last one ends; zero for an empty set.
    pub(crate) latest_expiry: U64,
    /// One bit for each hash of a label name that is in a table; see [`hash::filter_bit`].
    pub(crate) label_filter: U64,
}

/// The directives that ask for the same facts.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Group {
    /// Bits of [`facts`].
    pub(crate) facts: u8,
    /// The highest level in it, as [`DiagLevel::code`](crate::DiagLevel::code).
    pub(crate) max_level: u8,
    /// Every flag that occurs in it.
    pub(crate) flags: u8,
    pub(crate) reserved: u8,
    /// The first directive of that level.
    pub(crate) first_of_max: U32,
    /// Where its table starts in the section of tables: `buckets + 1` starts, then the entries.
    pub(crate) table: U32,
    /// A power of two.
    pub(crate) buckets: U32,
    pub(crate) entries: U32,
}

/// One combination of values under which a directive can be found.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Entry {
    /// The upper half of the hash; the lower half chose the bucket.
    pub(crate) tag: U32,
    pub(crate) directive: U32,
}

/// One directive.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Record {
    pub(crate) expires_at: U64,
    /// Zero if there is none.
    pub(crate) not_before: U64,
    pub(crate) tenants: Values,
    pub(crate) indices: Values,
    pub(crate) principals: Values,
    /// Start in the heap.
    pub(crate) id: U32,
    /// Start in the heap.
    pub(crate) salt: U32,
    /// Where its labels start among the string references: name and value in turn.
    pub(crate) labels: U32,
    /// One bit per endpoint; none: any at all.
    pub(crate) endpoints: U16,
    pub(crate) per_mille: U16,
    pub(crate) id_len: u8,
    pub(crate) salt_len: u8,
    pub(crate) label_count: u8,
    pub(crate) level: u8,
    pub(crate) flags: u8,
    pub(crate) sample_by: u8,
    pub(crate) reserved: U16,
}

impl Record {
    /// Which facts it asks for.
    pub(crate) fn facts(&self) -> u8 {
        let bit = |set: bool, fact: u8| if set { fact } else { 0 };
        bit(self.tenants.count.get() > 0, facts::TENANT)
            | bit(self.indices.count.get() > 0, facts::INDEX)
            | bit(self.principals.count.get() > 0, facts::PRINCIPAL)
            | bit(self.endpoints.get() != 0, facts::ENDPOINT)
            | bit(self.label_count > 0, facts::LABEL)
    }
}

/// The values of one target.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Values {
    /// Of a single value, its start in the heap; of several, where they start among the string references.
    pub(crate) start: U32,
    /// Bytes of a single value; zero for several.
    pub(crate) len: U16,
    /// How many values; zero: the target is not set.
    pub(crate) count: U16,
}

/// A string in the heap.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct StrRef {
    pub(crate) start: U32,
    pub(crate) len: U32,
}

/// Where the sections of an image start, and how many elements the typed ones have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    groups: usize,
    records_at: usize,
    records: usize,
    strings_at: usize,
    strings: usize,
    tables_at: usize,
    heap_at: usize,
}

impl Layout {
    /// From the counts in a header; `None` if they do not fit the image's length.
    pub(crate) fn of(header: &Header, image_len: usize) -> Option<Self> {
        let count = |number: U32| usize::try_from(number.get()).ok();
        let (groups, records, strings) =
            (count(header.groups)?, count(header.directives)?, count(header.strings)?);
        let after = |start: usize, count: usize, size: usize| start.checked_add(count.checked_mul(size)?);
        let records_at = after(size_of::<Header>(), groups, size_of::<Group>())?;
        let strings_at = after(records_at, records, size_of::<Record>())?;
        let tables_at = after(strings_at, strings, size_of::<StrRef>())?;
        let heap_at = image_len.checked_sub(count(header.heap_len)?).filter(|&heap| heap >= tables_at)?;
        Some(Self { groups, records_at, records, strings_at, strings, tables_at, heap_at })
    }

    /// No sections.
    pub(crate) const EMPTY: Self =
        Self { groups: 0, records_at: 0, records: 0, strings_at: 0, strings: 0, tables_at: 0, heap_at: 0 };
}

/// An image cut into its sections. Each is cut out when it is asked for: a walk of few directives needs few of them.
///
/// What a layout or a reference leads to outside of the image is empty; in a checked image none does.
#[derive(Clone, Copy)]
pub(crate) struct Sections<'i> {
    image: &'i [u8],
    layout: &'i Layout,
}

impl Header {
    /// No directives and no bytes: stands in where bytes could not be read.
    pub(crate) const EMPTY: Self = Self {
        magic: MAGIC,
        version: U16::ZERO,
        facts: 0,
        reserved: 0,
        len: U32::ZERO,
        checksum: U64::ZERO,
        groups: U32::ZERO,
        directives: U32::ZERO,
        strings: U32::ZERO,
        heap_len: U32::ZERO,
        earliest_expiry: U64::ZERO,
        latest_expiry: U64::ZERO,
        label_filter: U64::ZERO,
    };
}

impl<'i> Sections<'i> {
    pub(crate) fn of(layout: &'i Layout, image: &'i [u8]) -> Self {
        Self { image, layout }
    }

    pub(crate) fn groups(&self) -> &'i [Group] {
        self.typed(size_of::<Header>(), self.layout.groups)
    }

    pub(crate) fn records(&self) -> &'i [Record] {
        self.typed(self.layout.records_at, self.layout.records)
    }

    pub(crate) fn strings(&self) -> &'i [StrRef] {
        self.typed(self.layout.strings_at, self.layout.strings)
    }

    pub(crate) fn tables(&self) -> &'i [u8] {
        self.image.get(self.layout.tables_at..self.layout.heap_at).unwrap_or_default()
    }

    pub(crate) fn heap(&self) -> &'i [u8] {
        self.image.get(self.layout.heap_at..).unwrap_or_default()
    }

    #[inline]
    fn typed<T: FromBytes + Immutable + KnownLayout + Unaligned>(&self, at: usize, count: usize) -> &'i [T] {
        let bytes = self.image.get(at..);
        bytes
            .and_then(|bytes| <[T]>::ref_from_prefix_with_elems(bytes, count).ok())
            .map_or(&[], |(all, _)| all)
    }

    /// Bytes of the heap.
    #[inline]
    pub(crate) fn text(&self, start: U32, len: usize) -> &'i [u8] {
        let start =
            usize::try_from(start.get()).ok().and_then(|start| self.layout.heap_at.checked_add(start));
        let range = start.and_then(|start| Some(start..start.checked_add(len)?));
        range.and_then(|range| self.image.get(range)).unwrap_or_default()
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

    /// The starts and the entries of a group's table; `None` where they lead outside.
    pub(crate) fn table(&self, group: &Group) -> Option<(&'i [U32], &'i [Entry])> {
        let table = self.tables().get(usize::try_from(group.table.get()).ok()?..)?;
        let starts = usize::try_from(group.buckets.get()).ok()?.checked_add(1)?;
        let (starts, rest) = <[U32]>::ref_from_prefix_with_elems(table, starts).ok()?;
        let entries = usize::try_from(group.entries.get()).ok()?;
        let (entries, _) = <[Entry]>::ref_from_prefix_with_elems(rest, entries).ok()?;
        Some((starts, entries))
    }
}
