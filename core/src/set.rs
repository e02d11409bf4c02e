//! All directives in force at one revision.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use zerocopy::FromBytes;

use crate::compile::Compiler;
use crate::decode::{decode_each, expected_directives, refuse_whole};
use crate::directive::{Directive, DirectiveIndex, Sampling, StrList, Target};
use crate::error::{CompileError, DecodeError, ImageError, Reason};
use crate::image::layout::{Layout, Sections};
use crate::image::{Header, Record, Values, check, flags};
use crate::limits::MAX_DIRECTIVES;
use crate::time::UnixMillis;
use crate::vocabulary::{DiagLevel, EndpointSet, SampleBy};

/// All directives in force at one revision; immutable.
///
/// It *is* its image: one byte string that was validated once and is evaluated in place. Dropping it frees one
/// allocation, whatever its size.
#[derive(Clone)]
pub struct DirectiveSet {
    /// Not a boxed slice: a guest lets the allocation of one set become that of the next, spare capacity and all.
    image: Vec<u8>,
    layout: Layout,
}

impl DirectiveSet {
    /// No directives: every decision is [`OFF`](crate::Decision::OFF).
    #[must_use]
    pub fn empty() -> Self {
        Self::of(Compiler::with_capacity(0, 0).finish().unwrap_or_default())
    }

    /// Reads a document. `ttl_secs` counts from `anchor`.
    ///
    /// # Errors
    ///
    /// The first error in document order, with its place.
    pub fn decode(body: &[u8], anchor: UnixMillis) -> Result<Self, DecodeError> {
        let expected = expected_directives(body);
        // Less than half of a document is text that is kept.
        let mut compiler = Compiler::with_capacity(expected, body.len() / 2);
        decode_each(body, anchor, expected, &mut |directive| compiler.push(&directive))?;
        // The limits of a document keep its image far below what would not fit.
        compiler.finish().map(Self::of).map_err(|_| refuse_whole(body, Reason::TooManyTargets))
    }

    /// Takes an image that another instance compiled. Cost: two passes over the bytes; a `Vec` is kept as it is, with
    /// its spare capacity.
    ///
    /// # Errors
    ///
    /// If the bytes are not a whole, unchanged image of this version.
    pub fn from_image(image: impl Into<Vec<u8>>) -> Result<Self, ImageError> {
        let image = image.into();
        check::check(&image)?;
        Ok(Self::of(image))
    }

    /// Compiles directives that were made in code, or those of several documents one after the other.
    ///
    /// # Errors
    ///
    /// If a directive breaks a rule of the document, or all together are too many. Ids may repeat: they are unique only
    /// within a document.
    pub fn from_directives<'a>(
        directives: impl IntoIterator<Item = Directive<'a>>,
    ) -> Result<Self, CompileError> {
        let mut compiler = Compiler::with_capacity(0, 0);
        for (index, directive) in directives.into_iter().enumerate() {
            directive.check().map_err(|reason| CompileError::Directive { index, reason })?;
            if index >= MAX_DIRECTIVES {
                return Err(CompileError::TooLarge);
            }
            compiler.push(&directive);
        }
        compiler.finish().map(Self::of)
    }

    /// The bytes that [`from_image`](Self::from_image) takes: the same for the same directives, everywhere.
    #[must_use]
    pub fn as_image(&self) -> &[u8] {
        &self.image
    }

    /// The image, for whoever wants its allocation back.
    #[must_use]
    pub fn into_image(self) -> Vec<u8> {
        self.image
    }

    /// How many directives.
    #[must_use]
    pub fn len(&self) -> usize {
        self.layout.directives()
    }

    /// Whether there is no directive at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first point at which a directive ends; `None` for an empty set.
    #[must_use]
    pub fn earliest_expiry(&self) -> Option<UnixMillis> {
        (!self.is_empty()).then(|| UnixMillis::new(self.layout.earliest_expiry()))
    }

    /// The point from which on every decision is [`OFF`](crate::Decision::OFF); `None` for an empty set.
    #[must_use]
    pub fn latest_expiry(&self) -> Option<UnixMillis> {
        (!self.is_empty()).then(|| UnixMillis::new(self.layout.latest_expiry()))
    }

    /// The directives in document order. Allocates for labels and any-of lists.
    pub fn iter(&self) -> impl Iterator<Item = Directive<'_>> {
        let sections = self.sections();
        sections.records().iter().map(move |record| read(&sections, record))
    }

    /// One directive.
    #[must_use]
    pub fn get(&self, index: DirectiveIndex) -> Option<Directive<'_>> {
        let sections = self.sections();
        record(&sections, index).map(|record| read(&sections, record))
    }

    /// The id of one directive. Allocates nothing.
    #[must_use]
    pub fn id(&self, index: DirectiveIndex) -> Option<&str> {
        let sections = self.sections();
        record(&sections, index).map(|record| id(&sections, record))
    }

    /// Takes bytes that are an image for certain.
    fn of(image: impl Into<Vec<u8>>) -> Self {
        let image = image.into();
        debug_assert_eq!(check::check(&image), Ok(()), "what the compiler lays out is an image");
        let header = Header::ref_from_prefix(&image).ok();
        let layout = header.and_then(|(header, _)| Layout::of(header, &image)).unwrap_or(Layout::EMPTY);
        Self { image, layout }
    }

    pub(crate) fn sections(&self) -> Sections<'_> {
        Sections::of(&self.layout, &self.image)
    }
}

/// Two sets are equal if their images are.
impl PartialEq for DirectiveSet {
    fn eq(&self, other: &Self) -> bool {
        self.image == other.image
    }
}

impl Eq for DirectiveSet {}

/// Names sizes, not directives: a set may be large, and hold the names of tenants.
impl fmt::Debug for DirectiveSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectiveSet")
            .field("directives", &self.len())
            .field("image_bytes", &self.image.len())
            .finish_non_exhaustive()
    }
}

/// The id of a directive.
pub(crate) fn id<'i>(sections: &Sections<'i>, record: &Record) -> &'i str {
    text(sections.text(record.id, record.id_len.into()))
}

fn record<'i>(sections: &Sections<'i>, index: DirectiveIndex) -> Option<&'i Record> {
    sections.records().get(usize::try_from(index.as_u32()).ok()?)
}

fn read<'i>(sections: &Sections<'i>, record: &'i Record) -> Directive<'i> {
    let has = |flag| record.flags & flag != 0;
    let labels = sections.labels(record).map(|(name, value)| (text(name).into(), text(value).into()));
    Directive {
        id: id(sections, record).into(),
        level: DiagLevel::from_code(record.level).unwrap_or(DiagLevel::Off),
        not_before: has(flags::NOT_BEFORE).then(|| UnixMillis::new(record.not_before.get())),
        expires_at: UnixMillis::new(record.expires_at.get()),
        target: Target {
            tenants: list(sections, &record.tenants),
            indices: list(sections, &record.indices),
            principals: list(sections, &record.principals),
            endpoints: EndpointSet::from_bits(record.endpoints.get()).unwrap_or(EndpointSet::EMPTY),
            labels: labels.collect(),
        },
        sampling: Sampling {
            per_mille: record.per_mille.get(),
            by: SampleBy::from_code(record.sample_by).unwrap_or(SampleBy::RequestId),
            salt: has(flags::SALTED).then(|| text(sections.text(record.salt, record.salt_len.into())).into()),
        },
        ring_buffer: has(flags::RING_BUFFER),
        capture: has(flags::CAPTURE),
        suppress: has(flags::SUPPRESS),
    }
}

fn list<'i>(sections: &Sections<'i>, values: &'i Values) -> StrList<'i> {
    let mut texts = sections.values(values).map(|value| Cow::Borrowed(text(value)));
    match values.count.get() {
        0 => StrList::Any,
        1 => texts.next().map_or(StrList::Any, StrList::One),
        _ => StrList::AnyOf(texts.collect()),
    }
}

/// Bytes that the check found to be text.
fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests;
