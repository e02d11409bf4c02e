//! The one check that bytes from outside go through before they are a set.

use core::mem::offset_of;

use zerocopy::FromBytes;
use zerocopy::little_endian::U32;

use super::layout::{Layout, Sections};
use super::{Group, Header, LAST, LIST, MAGIC, Record, Values, all_facts, facts, flags};
use crate::directive::{check_id, check_suppress};
use crate::error::ImageError;
use crate::hash;
use crate::limits::{
    FULL_SAMPLE, IMAGE_VERSION, MAX_ANY_OF, MAX_ID_BYTES, MAX_LABELS, MAX_SALT_BYTES, MAX_TARGET_BYTES,
};
use crate::vocabulary::{DiagLevel, EndpointSet, SampleBy};

/// Where the bytes start that the checksum covers.
pub(crate) const CHECKED_FROM: usize = offset_of!(Header, groups);

/// Checks version, length, checksum and the bounds of everything. Cost: two passes over the bytes.
pub(crate) fn check(image: &[u8]) -> Result<(), ImageError> {
    let (header, _) = Header::ref_from_prefix(image).map_err(|_| ImageError::NotAnImage)?;
    if header.magic != MAGIC {
        return Err(ImageError::NotAnImage);
    }
    if header.version.get() != IMAGE_VERSION {
        return Err(ImageError::UnsupportedVersion(header.version.get()));
    }
    if usize::try_from(header.len.get()) != Ok(image.len()) {
        return Err(ImageError::WrongLength);
    }
    if header.reserved != 0 {
        return malformed(offset_of!(Header, reserved));
    }
    if header.checksum.get() != hash::checksum(image.get(CHECKED_FROM..).unwrap_or_default()) {
        return Err(ImageError::BadChecksum);
    }
    let layout = Layout::of(header, image).ok_or(ImageError::WrongLength)?;
    let sections = Sections::of(&layout, image);
    Check { image, header, sections }.everything()
}

fn malformed<T>(offset: usize) -> Result<T, ImageError> {
    Err(ImageError::Malformed(u32::try_from(offset).unwrap_or(u32::MAX)))
}

struct Check<'i> {
    image: &'i [u8],
    header: &'i Header,
    sections: Sections<'i>,
}

impl<'i> Check<'i> {
    fn everything(&self) -> Result<(), ImageError> {
        let heap =
            core::str::from_utf8(self.sections.heap()).or(malformed(self.offset(self.sections.heap())))?;
        for string in self.sections.strings() {
            self.text(heap, string.start, string.len.get(), MAX_TARGET_BYTES, string)?;
        }
        for record in self.sections.records() {
            self.record(heap, record)?;
        }
        self.expiries()?;
        self.groups()?;
        self.tables()
    }

    fn record(&self, heap: &str, record: &'i Record) -> Result<(), ImageError> {
        let level = DiagLevel::from_code(record.level);
        let fits = SampleBy::from_code(record.sample_by).is_some()
            && record.per_mille.get() <= FULL_SAMPLE
            && record.reserved.get() == 0
            && EndpointSet::from_bits(record.endpoints.get()).is_some()
            && usize::from(record.label_count) <= MAX_LABELS
            && record.flags < flags::NOT_BEFORE << 1
            && (record.flags & flags::NOT_BEFORE != 0 || record.not_before.get() == 0)
            && (record.flags & flags::SALTED != 0 || record.salt_len == 0)
            && (record.salt_len > 0 || record.salt.get() == 0)
            && (record.label_count > 0 || record.labels.get() == 0)
            && level.is_some_and(|level| check_suppress(record.flags & flags::SUPPRESS != 0, level).is_ok());
        if !fits {
            return malformed(self.offset(record));
        }
        let id = self.text(heap, record.id, record.id_len.into(), MAX_ID_BYTES, record)?;
        if check_id(id).is_err() {
            return malformed(self.offset(record));
        }
        if record.salt_len > 0 {
            self.text(heap, record.salt, record.salt_len.into(), MAX_SALT_BYTES, record)?;
        }
        for values in [&record.tenants, &record.indices, &record.principals] {
            self.values(heap, values, record)?;
        }
        if record.label_count == 0 {
            return Ok(());
        }
        let labels = usize::from(record.label_count).saturating_mul(2);
        match self.sections.refs(record.labels, labels).len() == labels {
            true => Ok(()),
            false => malformed(self.offset(record)),
        }
    }

    fn values(&self, heap: &str, values: &Values, record: &Record) -> Result<(), ImageError> {
        let count = usize::from(values.count.get());
        let fits = match count {
            0 => values.start.get() == 0 && values.len.get() == 0,
            1 => self.text(heap, values.start, values.len.get().into(), MAX_TARGET_BYTES, record).is_ok(),
            _ => count <= MAX_ANY_OF && self.sections.refs(values.start, count).len() == count,
        };
        if fits { Ok(()) } else { malformed(self.offset(record)) }
    }

    /// What a reference into the heap leads to: within it, of one byte to `max`, and whole characters.
    fn text<'h, T>(
        &self,
        heap: &'h str,
        start: U32,
        len: u32,
        max: usize,
        holder: &T,
    ) -> Result<&'h str, ImageError> {
        let text = || {
            let len = usize::try_from(len).ok().filter(|len| (1..=max).contains(len))?;
            let (_, from) = heap.split_at_checked(usize::try_from(start.get()).ok()?)?;
            from.split_at_checked(len).map(|(text, _)| text)
        };
        text().map_or_else(|| malformed(self.offset(holder)), Ok)
    }

    fn expiries(&self) -> Result<(), ImageError> {
        let ends = || self.sections.records().iter().map(|record| record.expires_at.get());
        let fits = self.header.earliest_expiry.get() == ends().min().unwrap_or(0)
            && self.header.latest_expiry.get() == ends().max().unwrap_or(0);
        if fits { Ok(()) } else { malformed(offset_of!(Header, earliest_expiry)) }
    }

    /// The tables follow one another without gaps.
    fn groups(&self) -> Result<(), ImageError> {
        let groups = self.sections.groups();
        if groups.len() > facts::GROUPS {
            return malformed(offset_of!(Header, groups));
        }
        if self.header.facts != all_facts(self.sections.records()) {
            return malformed(offset_of!(Header, facts));
        }
        let mut next = 0_u32;
        for group in groups {
            if group.first_bucket.get() != next || !self.group(group) {
                return malformed(self.offset(group));
            }
            next = next.saturating_add(group.buckets.get());
        }
        match next == self.header.buckets.get() {
            true => Ok(()),
            false => malformed(offset_of!(Header, buckets)),
        }
    }

    fn group(&self, group: &Group) -> bool {
        group.buckets.get().is_power_of_two()
            && usize::from(group.facts) < facts::GROUPS
            && group.facts & !self.header.facts == 0
            && DiagLevel::from_code(group.max_level).is_some()
            && group.reserved == 0
            && group.first_of_max.get() < self.header.directives.get()
    }

    /// Whatever is found in a table or a filter is there.
    fn tables(&self) -> Result<(), ImageError> {
        if !self.header.filters.iter().all(|cells| cells.get().is_power_of_two()) {
            return malformed(offset_of!(Header, filters));
        }
        let (directives, lists) = (self.header.directives.get(), self.header.lists.get());
        for bucket in self.sections.buckets() {
            let fits = |place: &U32| match place.get() {
                list if list & LIST != 0 => list & !LIST < lists,
                directive => directive < directives,
            };
            if !bucket.places.iter().all(fits) {
                return malformed(self.offset(bucket));
            }
        }
        match self.sections.lists().iter().find(|place| place.get() & !LAST >= directives) {
            Some(place) => malformed(self.offset(place)),
            None => Ok(()),
        }
    }

    /// Where in the image something lies that was cut out of it.
    fn offset<T: ?Sized>(&self, part: &T) -> usize {
        core::ptr::from_ref(part).addr().saturating_sub(self.image.as_ptr().addr())
    }
}
