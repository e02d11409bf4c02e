//! Directives in, the image out.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use crate::directive::{Directive, StrList};
use crate::error::CompileError;
use crate::hash;
use crate::image::{Header, Record, StrRef, Summary, Values, check, flags};
use crate::limits::IMAGE_VERSION;

mod buckets;
mod filters;
mod tables;

use tables::TableBuilder;

/// Takes directives one by one and lays them out.
pub(crate) struct Compiler {
    records: Vec<Record>,
    strings: Vec<StrRef>,
    heap: Vec<u8>,
    tables: TableBuilder,
    summary: Summary,
    too_large: bool,
}

impl Compiler {
    /// Has room for so many directives and bytes of text.
    pub(crate) fn with_capacity(directives: usize, text: usize) -> Self {
        Self {
            records: Vec::with_capacity(directives),
            strings: Vec::new(),
            heap: Vec::with_capacity(text),
            tables: TableBuilder::with_capacity(directives),
            summary: Summary::EMPTY,
            too_large: false,
        }
    }

    /// Adds a directive that keeps the rules of the document.
    pub(crate) fn push(&mut self, directive: &Directive<'_>) {
        let target = &directive.target;
        let salt = directive.sampling.salt.as_deref();
        let record = Record {
            expires_at: U64::new(directive.expires_at.as_u64()),
            not_before: U64::new(directive.not_before.map_or(0, |point| point.as_u64())),
            tenants: self.values(&target.tenants),
            indices: self.values(&target.indices),
            principals: self.values(&target.principals),
            id: self.text(&directive.id),
            salt: self.text(salt.unwrap_or_default()),
            labels: self.labels(&target.labels),
            endpoints: U16::new(target.endpoints.bits()),
            per_mille: U16::new(directive.sampling.per_mille),
            id_len: self.narrow(directive.id.len()),
            salt_len: self.narrow(salt.unwrap_or_default().len()),
            label_count: self.narrow(target.labels.len()),
            level: directive.level.code(),
            flags: record_flags(directive),
            sample_by: directive.sampling.by.code(),
            reserved: U16::ZERO,
        };
        let place = self.narrow(self.records.len());
        self.too_large |= self.tables.push(place, &record, target).is_none();
        self.summary.add(&record);
        self.records.push(record);
    }

    /// Lays out what was added.
    pub(crate) fn finish(self) -> Result<Box<[u8]>, CompileError> {
        let tables =
            self.tables.finish(&self.records).filter(|_| !self.too_large).ok_or(CompileError::TooLarge)?;
        let (earliest, latest) = self.summary.expiries();
        let [tenants, indices, principals] = tables.filters.texts.each_ref().map(Vec::as_slice);
        let mut header = Header {
            version: U16::new(IMAGE_VERSION),
            facts: self.summary.facts,
            groups: count(tables.groups.len())?,
            filters: [count(tenants.len())?, count(indices.len())?, count(principals.len())?],
            buckets: count(tables.buckets.len())?,
            lists: count(tables.lists.len())?,
            directives: count(self.records.len())?,
            strings: count(self.strings.len())?,
            heap_len: count(self.heap.len())?,
            endpoint_filter: tables.filters.endpoints,
            earliest_expiry: U64::new(earliest),
            latest_expiry: U64::new(latest),
            label_filter: U64::new(tables.label_filter),
            ..Header::EMPTY
        };
        let parts = [
            tables.groups.as_bytes(),
            tenants,
            indices,
            principals,
            tables.buckets.as_bytes(),
            tables.lists.as_bytes(),
            self.records.as_bytes(),
            self.strings.as_bytes(),
            &self.heap,
        ];
        header.len =
            count(parts.iter().map(|part| part.len()).sum::<usize>().saturating_add(size_of::<Header>()))?;
        Ok(assemble(header, &parts))
    }

    fn values(&mut self, list: &StrList<'_>) -> Values {
        let (start, len) = match list.as_slice() {
            [] => (U32::ZERO, 0),
            [one] => (self.text(one), one.len()),
            several => (self.refs(several.iter()), 0),
        };
        Values { start, len: U16::new(self.narrow(len)), count: U16::new(self.narrow(list.len())) }
    }

    fn labels(&mut self, labels: &[(Cow<'_, str>, Cow<'_, str>)]) -> U32 {
        match labels {
            [] => U32::ZERO,
            some => self.refs(some.iter().flat_map(|(name, value)| [name, value])),
        }
    }

    /// Writes strings and references to them; where the references start.
    fn refs<'s>(&mut self, texts: impl Iterator<Item = &'s Cow<'s, str>>) -> U32 {
        let start = U32::new(self.narrow(self.strings.len()));
        for text in texts {
            let string = StrRef { start: self.text(text), len: U32::new(self.narrow(text.len())) };
            self.strings.push(string);
        }
        start
    }

    /// Writes a string to the heap; where it starts.
    fn text(&mut self, text: &str) -> U32 {
        let start = self.narrow(self.heap.len());
        self.heap.extend_from_slice(text.as_bytes());
        U32::new(if text.is_empty() { 0 } else { start })
    }

    /// A number in its narrower form. What does not fit is remembered: the image is refused in the end.
    fn narrow<N: TryFrom<usize> + Default>(&mut self, number: usize) -> N {
        N::try_from(number).unwrap_or_else(|_| {
            self.too_large = true;
            N::default()
        })
    }
}

fn record_flags(directive: &Directive<'_>) -> u8 {
    [
        (directive.ring_buffer, flags::RING_BUFFER),
        (directive.capture, flags::CAPTURE),
        (directive.suppress, flags::SUPPRESS),
        (directive.sampling.salt.is_some(), flags::SALTED),
        (directive.not_before.is_some(), flags::NOT_BEFORE),
    ]
    .into_iter()
    .filter(|&(set, _)| set)
    .fold(0, |all, (_, flag)| all | flag)
}

fn count(number: usize) -> Result<U32, CompileError> {
    u32::try_from(number).map(U32::new).map_err(|_| CompileError::TooLarge)
}

fn assemble(mut header: Header, parts: &[&[u8]]) -> Box<[u8]> {
    let mut image = Vec::with_capacity(usize::try_from(header.len.get()).unwrap_or(0));
    image.extend_from_slice(header.as_bytes());
    parts.iter().for_each(|part| image.extend_from_slice(part));
    let content = image.get(check::CHECKED_FROM..).unwrap_or_default();
    header.checksum = U64::new(hash::checksum(content));
    if let Some(start) = image.get_mut(..size_of::<Header>()) {
        start.copy_from_slice(header.as_bytes());
    }
    image.into_boxed_slice()
}
