//! The image: a compiled set as one flat, position-independent byte string.
//!
//! ```text
//! header | groups | filters | buckets | lists | directives | string references | string heap
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
//!
//! Most groups need no probe (tuple pruning, in the same paper): for each fact that several groups ask for, a filter
//! tells from the hash of a value in which of them it can occur at all.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::limits::FULL_SAMPLE;
use crate::vocabulary::{EndpointKind, SampleBy};

pub(crate) mod bucket;
pub(crate) mod check;
pub(crate) mod key;
pub(crate) mod layout;

pub(crate) const MAGIC: [u8; 8] = *b"aldisimg";

/// Facts that a directive may ask for, as bits of [`Group::facts`] and of [`Header::facts`].
pub(crate) mod facts {
    pub(crate) const TENANT: u8 = 1;
    pub(crate) const INDEX: u8 = 2;
    pub(crate) const PRINCIPAL: u8 = 4;
    pub(crate) const ENDPOINT: u8 = 8;
    pub(crate) const LABEL: u8 = 16;
    /// Of a header only, since no table is found by it: a sample is drawn by it.
    pub(crate) const REQUEST_ID: u8 = 32;
    /// Likewise.
    pub(crate) const TRACE_ID: u8 = 64;
    /// How many facts a target can have.
    pub(crate) const COUNT: usize = 5;
    /// How many combinations of them.
    pub(crate) const GROUPS: usize = 1 << COUNT;
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

/// Facts whose values are texts, in the order of their bits in [`facts`].
pub(crate) const TEXTS: usize = 3;

/// Endpoints, each with a byte of its own in [`Header::endpoint_filter`].
pub(crate) const ENDPOINTS: usize = EndpointKind::ALL.len();

/// In a bucket: what stands there is no directive, but where a list of several starts.
pub(crate) const LIST: u32 = 1 << 31;

/// In a list: this directive is its last.
pub(crate) const LAST: u32 = 1 << 31;

/// Start of an image.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Header {
    pub(crate) magic: [u8; 8],
    pub(crate) version: U16,
    /// Every fact that a directive asks for or draws a sample by, as bits of [`facts`].
    pub(crate) facts: u8,
    pub(crate) reserved: u8,
    /// Bytes of the whole image.
    pub(crate) len: U32,
    /// Over everything behind this field.
    pub(crate) checksum: U64,
    pub(crate) groups: U32,
    /// Cells of the filters of tenants, indices, principals; each number is a power of two.
    pub(crate) filters: [U32; TEXTS],
    pub(crate) buckets: U32,
    /// Elements of all lists.
    pub(crate) lists: U32,
    pub(crate) directives: U32,
    pub(crate) strings: U32,
    pub(crate) heap_len: U32,
    /// For each endpoint the groups that it occurs in, as a cell of a filter; see [`filter_bit`].
    pub(crate) endpoint_filter: [u8; ENDPOINTS],
    /// First point at which a directive ends; zero for an empty set.
    pub(crate) earliest_expiry: U64,
    /// Point at which the last one ends; zero for an empty set.
    pub(crate) latest_expiry: U64,
    /// One bit for each hash of a label name that is in a table; see [`key::label_bit`].
    pub(crate) label_filter: U64,
}

impl Header {
    /// No directives: what an empty image starts with, but for version, length and checksum.
    pub(crate) const EMPTY: Self = Self {
        magic: MAGIC,
        version: U16::ZERO,
        facts: 0,
        reserved: 0,
        len: U32::ZERO,
        checksum: U64::ZERO,
        groups: U32::ZERO,
        filters: [U32::ZERO; TEXTS],
        buckets: U32::ZERO,
        lists: U32::ZERO,
        directives: U32::ZERO,
        strings: U32::ZERO,
        heap_len: U32::ZERO,
        endpoint_filter: [0; ENDPOINTS],
        earliest_expiry: U64::ZERO,
        latest_expiry: U64::ZERO,
        label_filter: U64::ZERO,
    };
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
    /// The first bucket of its table.
    pub(crate) first_bucket: U32,
    /// How many buckets its table has: a power of two.
    pub(crate) buckets: U32,
}

/// The bit of a group in the cell of a filter. There are more groups than bits only in unusual sets; there a bit of
/// several says that it may be any of them.
pub(crate) fn filter_bit(group: u32) -> u8 {
    1_u8.rotate_left(group & 7)
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

    /// The fact that a sample is drawn by; no bit if every request is taken.
    pub(crate) fn sample_fact(&self) -> u8 {
        if self.per_mille.get() >= FULL_SAMPLE {
            return 0;
        }
        SampleBy::from_code(self.sample_by).map_or(0, |by| match by {
            SampleBy::RequestId => facts::REQUEST_ID,
            SampleBy::TraceId => facts::TRACE_ID,
            SampleBy::Tenant => facts::TENANT,
            SampleBy::Principal => facts::PRINCIPAL,
        })
    }
}

/// What a header says of all directives together.
#[derive(Clone, Copy)]
pub(crate) struct Summary {
    /// What they ask for, and what their samples are drawn by.
    pub(crate) facts: u8,
    earliest: u64,
    latest: u64,
}

impl Summary {
    /// Of no directive.
    pub(crate) const EMPTY: Self = Self { facts: 0, earliest: u64::MAX, latest: 0 };

    #[inline]
    pub(crate) fn add(&mut self, record: &Record) {
        let end = record.expires_at.get();
        self.facts |= record.facts() | record.sample_fact();
        (self.earliest, self.latest) = (self.earliest.min(end), self.latest.max(end));
    }

    /// When the first of them ends, and when the last; zero if there is none.
    pub(crate) fn expiries(&self) -> (u64, u64) {
        // The earliest is above the latest only where there is none.
        (if self.earliest > self.latest { 0 } else { self.earliest }, self.latest)
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

// A cut or grown structure is another version of the layout.
const _: () = assert!(size_of::<Header>() == 96, "a header has 96 bytes");
const _: () = assert!(size_of::<Group>() == 16, "a group has 16 bytes");
const _: () = assert!(size_of::<Record>() == 64, "a directive has 64 bytes");
const _: () = assert!(size_of::<StrRef>() == 8, "a string reference has 8 bytes");
