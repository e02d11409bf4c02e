//! One rule, as a document states it.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::error::Reason;
use crate::limits::{
    FULL_SAMPLE, MAX_ANY_OF, MAX_ID_BYTES, MAX_LABELS, MAX_SALT_BYTES, MAX_TARGET_BYTES, MAX_TARGET_PRODUCT,
};
use crate::time::UnixMillis;
use crate::vocabulary::{DiagLevel, EndpointSet, SampleBy};

/// Which directive of a set, counted from zero in document order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DirectiveIndex(u32);

impl DirectiveIndex {
    /// The directive at this place.
    #[must_use]
    pub const fn new(place: u32) -> Self {
        Self(place)
    }

    /// Its place.
    #[must_use]
    pub const fn as_u32(self) -> u32 {
        self.0
    }
}

/// One directive: whom to watch, how closely, for how long. Serializes as the object that documents hold, with the
/// lifetime in its absolute form.
///
/// The lifetime `'a` is that of the document or set the text is borrowed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive<'a> {
    /// What operators call it; unique within its document.
    pub id: Cow<'a, str>,
    /// How much to record.
    pub level: DiagLevel,
    /// The first point at which it applies; `None`: from the beginning of time.
    pub not_before: Option<UnixMillis>,
    /// The first point at which it no longer applies.
    pub expires_at: UnixMillis,
    /// Which requests it is meant for.
    pub target: Target<'a>,
    /// Which of those it takes.
    pub sampling: Sampling<'a>,
    /// Keep the exchange in this instance's ring buffer.
    pub ring_buffer: bool,
    /// Send the exchange to the fleet's capture sink.
    pub capture: bool,
    /// Turn everything off for the requests it takes, whatever else applies.
    pub suppress: bool,
}

/// Which requests a directive is meant for: every part that is set must fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// Tenants, any of.
    pub tenants: StrList<'a>,
    /// Indices, any of.
    pub indices: StrList<'a>,
    /// Principals, any of.
    pub principals: StrList<'a>,
    /// Endpoints, any of; empty: any at all.
    pub endpoints: EndpointSet,
    /// Labels, all of: name and value, names distinct.
    pub labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl Target<'_> {
    /// Every request of the fleet. Spelled out, because it should never come about by leaving something out.
    pub const EVERY_REQUEST: Self = Self {
        tenants: StrList::Any,
        indices: StrList::Any,
        principals: StrList::Any,
        endpoints: EndpointSet::EMPTY,
        labels: Vec::new(),
    };

    /// Whether no part is set.
    #[must_use]
    pub fn is_every_request(&self) -> bool {
        *self == Self::EVERY_REQUEST
    }

    /// How many table entries the any-of lists cost together; `None` if more than a directive may.
    pub(crate) fn combinations(&self) -> Option<usize> {
        [self.tenants.len(), self.indices.len(), self.principals.len(), self.endpoints.len()]
            .into_iter()
            .try_fold(1_usize, |product, len| product.checked_mul(len.max(1)))
            .filter(|&product| product <= MAX_TARGET_PRODUCT)
    }
}

/// The values of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StrList<'a> {
    /// The target is not set.
    Any,
    /// Exactly this value.
    One(Cow<'a, str>),
    /// Any of these.
    AnyOf(Vec<Cow<'a, str>>),
}

impl<'a> StrList<'a> {
    /// The values; none if the target is not set.
    #[must_use]
    pub fn as_slice(&self) -> &[Cow<'a, str>] {
        match self {
            Self::Any => &[],
            Self::One(value) => core::slice::from_ref(value),
            Self::AnyOf(values) => values,
        }
    }

    /// How many values; zero if the target is not set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether the target is not set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }
}

/// Which of the matching requests a directive takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sampling<'a> {
    /// How many of a thousand; at most 1000.
    pub per_mille: u16,
    /// The fact that decides.
    pub by: SampleBy,
    /// Makes samples of equal rate differ from one another.
    pub salt: Option<Cow<'a, str>>,
}

impl Sampling<'_> {
    /// Every request.
    pub const ALL: Self = Self { per_mille: FULL_SAMPLE, by: SampleBy::RequestId, salt: None };
}

impl Directive<'_> {
    /// Holds a directive that was made in code to the rules that a document is held to.
    pub(crate) fn check(&self) -> Result<(), Reason> {
        check_id(&self.id)?;
        let target = &self.target;
        for list in [&target.tenants, &target.indices, &target.principals] {
            check_list_len(list)?;
            list.as_slice().iter().try_for_each(|value| check_target(value))?;
        }
        target.combinations().ok_or(Reason::TooManyTargets)?;
        check_labels(&target.labels)?;
        if self.sampling.per_mille > FULL_SAMPLE {
            return Err(Reason::BadSampleRate);
        }
        self.sampling.salt.as_ref().map_or(Ok(()), |salt| check_salt(salt))?;
        check_suppress(self.suppress, self.level)
    }
}

pub(crate) fn check_id(id: &str) -> Result<(), Reason> {
    // Nearly every id is ASCII: then it need not be decoded.
    let is_fine = is_plain(id.as_bytes()) || !id.chars().any(char::is_control);
    if (1..=MAX_ID_BYTES).contains(&id.len()) && is_fine { Ok(()) } else { Err(Reason::BadId) }
}

/// Whether all of it is ASCII without control characters, eight bytes at a time.
fn is_plain(text: &[u8]) -> bool {
    const HIGHEST: u64 = u64::from_ne_bytes([0x80; 8]);
    // Below 0x80 nothing carries over into the next byte: 0x20 is the first to have its highest bit set here, and 0x7f
    // the only one there.
    let from_blank = |word: u64| word.wrapping_add(u64::from_ne_bytes([0x60; 8])) & HIGHEST == HIGHEST;
    let delete = |word: u64| word.wrapping_add(u64::from_ne_bytes([0x01; 8])) & HIGHEST != 0;
    let (words, rest) = text.as_chunks();
    words
        .iter()
        .map(|word| u64::from_ne_bytes(*word))
        .all(|word| word & HIGHEST == 0 && from_blank(word) && !delete(word))
        && rest.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

pub(crate) fn check_target(value: &str) -> Result<(), Reason> {
    match value.len() {
        0 => Err(Reason::EmptyTarget),
        len if len > MAX_TARGET_BYTES => Err(Reason::TargetTooLong),
        _ => Ok(()),
    }
}

pub(crate) fn check_salt(salt: &str) -> Result<(), Reason> {
    if salt.len() <= MAX_SALT_BYTES { Ok(()) } else { Err(Reason::SaltTooLong) }
}

pub(crate) fn check_suppress(suppress: bool, level: DiagLevel) -> Result<(), Reason> {
    if suppress && level != DiagLevel::Off { Err(Reason::SuppressLevel) } else { Ok(()) }
}

fn check_list_len(list: &StrList<'_>) -> Result<(), Reason> {
    match list {
        StrList::AnyOf(values) if values.is_empty() => Err(Reason::EmptyTarget),
        StrList::AnyOf(values) if values.len() > MAX_ANY_OF => Err(Reason::TooManyTargets),
        _ => Ok(()),
    }
}

fn check_labels(labels: &[(Cow<'_, str>, Cow<'_, str>)]) -> Result<(), Reason> {
    if labels.len() > MAX_LABELS {
        return Err(Reason::TooManyLabels);
    }
    for (place, (name, value)) in labels.iter().enumerate() {
        check_target(name)?;
        check_target(value)?;
        if labels.iter().take(place).any(|(earlier, _)| earlier == name) {
            return Err(Reason::DuplicateField);
        }
    }
    Ok(())
}

impl Serialize for Directive<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("id", &self.id)?;
        object.serialize_entry("level", self.level.as_str())?;
        if let Some(not_before) = &self.not_before {
            object.serialize_entry("not_before", &Text(not_before))?;
        }
        object.serialize_entry("expires_at", &Text(&self.expires_at))?;
        self.target.serialize_into(&mut object)?;
        self.sampling.serialize_into(&mut object)?;
        for (name, set) in
            [("ring_buffer", self.ring_buffer), ("capture", self.capture), ("suppress", self.suppress)]
        {
            if set {
                object.serialize_entry(name, &true)?;
            }
        }
        object.end()
    }
}

impl Target<'_> {
    fn serialize_into<M: SerializeMap>(&self, object: &mut M) -> Result<(), M::Error> {
        let lists = [
            ("tenant", "tenants", &self.tenants),
            ("index", "indices", &self.indices),
            ("principal", "principals", &self.principals),
        ];
        for (singular, plural, list) in lists {
            match list {
                StrList::Any => {}
                StrList::One(value) => object.serialize_entry(singular, value)?,
                StrList::AnyOf(values) => object.serialize_entry(plural, values)?,
            }
        }
        let mut endpoints = self.endpoints.iter().map(crate::vocabulary::EndpointKind::as_str);
        match self.endpoints.len() {
            0 => {}
            1 => object.serialize_entry("endpoint", &endpoints.next())?,
            _ => object.serialize_entry("endpoints", &endpoints.collect::<Vec<_>>())?,
        }
        if !self.labels.is_empty() {
            object.serialize_entry("labels", &Pairs(&self.labels))?;
        }
        Ok(())
    }
}

impl Sampling<'_> {
    fn serialize_into<M: SerializeMap>(&self, object: &mut M) -> Result<(), M::Error> {
        if self.per_mille != FULL_SAMPLE {
            object.serialize_entry("sample_per_mille", &self.per_mille)?;
        }
        if self.by != SampleBy::RequestId {
            object.serialize_entry("sample_by", self.by.as_str())?;
        }
        match &self.salt {
            Some(salt) => object.serialize_entry("salt", salt),
            None => Ok(()),
        }
    }
}

struct Text<'t, T>(&'t T);

impl<T: core::fmt::Display> Serialize for Text<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

struct Pairs<'p, 'a>(&'p [(Cow<'a, str>, Cow<'a, str>)]);

impl Serialize for Pairs<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_told_wherever_a_byte_stands() {
        for byte in 0..=u8::MAX {
            for len in 1..=17 {
                for place in 0..len {
                    let mut text = [b'~'; 17];
                    text[place] = byte;
                    let text = &text[..len];
                    assert_eq!(is_plain(text), matches!(byte, b' '..=b'~'), "{byte:#x} at {place} of {len}");
                }
            }
        }
        assert!(is_plain(b""));
    }
}
