//! The one check that bytes from outside go through before they are a set.

use core::mem::offset_of;

use zerocopy::FromBytes;
use zerocopy::little_endian::U32;

use super::layout::{Layout, Sections};
use super::{Group, Header, LAST, LIST, MAGIC, Record, Summary, Values, facts, flags};
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
        return Err(malformed(offset_of!(Header, reserved)));
    }
    if header.checksum.get() != hash::checksum(image.get(CHECKED_FROM..).unwrap_or_default()) {
        return Err(ImageError::BadChecksum);
    }
    let layout = Layout::of(header, image).ok_or(ImageError::WrongLength)?;
    let sections = Sections::of(&layout, image);
    Check { image, header, sections }.everything()
}

fn malformed(offset: usize) -> ImageError {
    ImageError::Malformed(u32::try_from(offset).unwrap_or(u32::MAX))
}

struct Check<'i> {
    image: &'i [u8],
    header: &'i Header,
    sections: Sections<'i>,
}

impl<'i> Check<'i> {
    fn everything(&self) -> Result<(), ImageError> {
        let heap = core::str::from_utf8(self.sections.heap()).map_err(|_| self.at(self.sections.heap()))?;
        for string in self.sections.strings() {
            text(heap, string.start, string.len.get(), MAX_TARGET_BYTES).ok_or_else(|| self.at(string))?;
        }
        let mut summary = Summary::EMPTY;
        for record in self.sections.records() {
            self.record(heap, record).ok_or_else(|| self.at(record))?;
            summary.add(record);
        }
        self.summary(summary)?;
        self.groups()?;
        self.tables()
    }

    fn record(&self, heap: &str, record: &Record) -> Option<()> {
        let level = DiagLevel::from_code(record.level)?;
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
            && check_suppress(record.flags & flags::SUPPRESS != 0, level).is_ok();
        if !fits {
            return None;
        }
        check_id(text(heap, record.id, record.id_len.into(), MAX_ID_BYTES)?).ok()?;
        if record.salt_len > 0 {
            text(heap, record.salt, record.salt_len.into(), MAX_SALT_BYTES)?;
        }
        for values in [&record.tenants, &record.indices, &record.principals] {
            self.values(heap, values)?;
        }
        let labels = usize::from(record.label_count).saturating_mul(2);
        let are_there = labels == 0 || self.sections.refs(record.labels, labels).len() == labels;
        are_there.then_some(())
    }

    fn values(&self, heap: &str, values: &Values) -> Option<()> {
        let count = usize::from(values.count.get());
        let fits = match count {
            0 => values.start.get() == 0 && values.len.get() == 0,
            1 => text(heap, values.start, values.len.get().into(), MAX_TARGET_BYTES).is_some(),
            _ => count <= MAX_ANY_OF && self.sections.refs(values.start, count).len() == count,
        };
        fits.then_some(())
    }

    /// What the header says of all directives together.
    fn summary(&self, summary: Summary) -> Result<(), ImageError> {
        let (earliest, latest) = summary.expiries();
        if self.header.earliest_expiry.get() != earliest || self.header.latest_expiry.get() != latest {
            return Err(malformed(offset_of!(Header, earliest_expiry)));
        }
        if self.header.facts == summary.facts { Ok(()) } else { Err(malformed(offset_of!(Header, facts))) }
    }

    /// The tables follow one another without gaps.
    fn groups(&self) -> Result<(), ImageError> {
        let groups = self.sections.groups();
        if groups.len() > facts::GROUPS {
            return Err(malformed(offset_of!(Header, groups)));
        }
        let mut next = 0_u32;
        for group in groups {
            if group.first_bucket.get() != next || !self.group(group) {
                return Err(self.at(group));
            }
            next = next.saturating_add(group.buckets.get());
        }
        match next == self.header.buckets.get() {
            true => Ok(()),
            false => Err(malformed(offset_of!(Header, buckets))),
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
            return Err(malformed(offset_of!(Header, filters)));
        }
        let (directives, lists) = (self.header.directives.get(), self.header.lists.get());
        for bucket in self.sections.buckets() {
            let fits = |place: &U32| {
                let place = place.get();
                place & !LIST < if place & LIST == 0 { directives } else { lists }
            };
            // All of them are looked at: that is cheaper than to ask after each whether to go on.
            if !bucket.places.iter().fold(true, |all, place| all & fits(place)) {
                return Err(self.at(bucket));
            }
        }
        match self.sections.lists().iter().find(|place| place.get() & !LAST >= directives) {
            Some(place) => Err(self.at(place)),
            None => Ok(()),
        }
    }

    /// The error for something that was cut out of the image.
    #[cold]
    fn at<T: ?Sized>(&self, part: &T) -> ImageError {
        malformed(core::ptr::from_ref(part).addr().saturating_sub(self.image.as_ptr().addr()))
    }
}

/// What a reference into the heap leads to: within it, of one byte to `max`, and whole characters.
#[inline]
fn text(heap: &str, start: U32, len: u32, max: usize) -> Option<&str> {
    let (start, len) = (usize::try_from(start.get()).ok()?, usize::try_from(len).ok()?);
    heap.get(start..start.checked_add(len)?).filter(|_| (1..=max).contains(&len))
}
