//! One directive: which fields it may have, and what each must hold.

use alloc::borrow::Cow;

use serde::de::{Error, MapAccess};

use super::context::{Context, Part, Step};
use super::document::{Whole, unknown_field};
use super::lists::{AnyOf, Endpoints, Labels, endpoint, named};
use super::read::{Read, Reader, Text, Token};
use crate::directive::{
    Directive, Sampling, StrList, Target, check_id, check_salt, check_suppress, check_target,
};
use crate::error::Reason;
use crate::field::Field;
use crate::limits::{FULL_SAMPLE, MAX_TTL_SECS};
use crate::time::UnixMillis;
use crate::vocabulary::{DiagLevel, EndpointSet, SampleBy};

/// Reads one directive and hands it on. It is large, so it does not travel up as a value.
pub(super) struct OneDirective<'c, 'w, 'de> {
    pub(super) context: &'c Context,
    pub(super) whole: &'w mut Whole<'de>,
    pub(super) accept: &'w mut dyn FnMut(Directive<'de>),
}

impl<'de> Read<'de> for OneDirective<'_, '_, 'de> {
    type Value = ();
    const DEPTH: u32 = 3;

    fn context(&self) -> &Context {
        self.context
    }

    fn token<E: Error>(self, _: Token<'de>) -> Result<(), E> {
        Err(self.context.fail(Reason::NotAnObject, Part::Value))
    }

    fn object<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Self { context, whole, accept } = self;
        if !whole.has_room() {
            return Err(context.fail(Reason::TooManyDirectives, Part::Start));
        }
        let mut draft = Draft::new(context, whole);
        while let Some(name) = entries.next_key_seed(Reader(Text::<1> { context }))? {
            let Some(field) = Field::from_name(&name) else {
                let known = Field::ALL.iter().map(|field| field.as_str());
                let error = unknown_field(context, &name, known);
                return Err(context.at(error, Step::named(draft.place, &name)));
            };
            if let Err(error) = draft.claim(field).and_then(|()| draft.read(field, &mut entries)) {
                return Err(context.at(error, Step::field(draft.place, field.as_str())));
            }
            draft.place = draft.place.saturating_add(1);
        }
        accept(draft.finish()?);
        Ok(())
    }
}

/// A directive while its fields come in, in any order.
struct Draft<'c, 'w, 'de> {
    context: &'c Context,
    whole: &'w mut Whole<'de>,
    /// How many fields were read.
    place: usize,
    /// Which fields were read, by [`Field::bit`].
    seen: u32,
    id: Option<Cow<'de, str>>,
    level: Option<DiagLevel>,
    not_before: Option<UnixMillis>,
    expires_at: Option<UnixMillis>,
    target: Target<'de>,
    sampling: Sampling<'de>,
    ring_buffer: bool,
    capture: bool,
    /// The place of `suppress` if it is true.
    suppress: Option<usize>,
}

impl<'c, 'w, 'de> Draft<'c, 'w, 'de> {
    fn new(context: &'c Context, whole: &'w mut Whole<'de>) -> Self {
        Self {
            context,
            whole,
            place: 0,
            seen: 0,
            id: None,
            level: None,
            not_before: None,
            expires_at: None,
            target: Target::EVERY_REQUEST,
            sampling: Sampling::ALL,
            ring_buffer: false,
            capture: false,
            suppress: None,
        }
    }

    /// Refuses a field that stands there twice, or beside its rival.
    fn claim<E: Error>(&mut self, field: Field) -> Result<(), E> {
        if self.seen & field.bit() != 0 {
            return Err(self.context.fail(Reason::DuplicateField, Part::Name));
        }
        self.seen |= field.bit();
        match field.rival() {
            Some((rival, reason)) if self.seen & rival.bit() != 0 => {
                Err(self.context.fail(reason, Part::Name))
            }
            _ => Ok(()),
        }
    }

    fn read<A: MapAccess<'de>>(&mut self, field: Field, entries: &mut A) -> Result<(), A::Error> {
        match field {
            Field::Id => self.read_id(entries),
            Field::Level => {
                let name = self.text(entries)?;
                let level = named(
                    self.context,
                    &name,
                    DiagLevel::from_name,
                    (DiagLevel::ALL, DiagLevel::as_str),
                    Reason::UnknownLevel,
                )?;
                self.level = Some(level);
                Ok(())
            }
            Field::TtlSecs => {
                let seconds = self.ttl_secs(entries)?;
                self.expires_at = Some(self.context.anchor.saturating_add_secs(seconds));
                Ok(())
            }
            Field::ExpiresAt => self.timestamp(entries).map(|point| self.expires_at = Some(point)),
            Field::NotBefore => self.timestamp(entries).map(|point| self.not_before = Some(point)),
            Field::SamplePerMille => self.per_mille(entries).map(|rate| self.sampling.per_mille = rate),
            Field::SampleBy => {
                let name = self.text(entries)?;
                self.sampling.by = named(
                    self.context,
                    &name,
                    SampleBy::from_name,
                    (SampleBy::ALL, SampleBy::as_str),
                    Reason::UnknownSampleBy,
                )?;
                Ok(())
            }
            Field::Salt => {
                let salt = self.text(entries)?;
                self.check(check_salt(&salt))?;
                self.sampling.salt = Some(salt);
                Ok(())
            }
            Field::RingBuffer => self.flag(entries).map(|set| self.ring_buffer = set),
            Field::Capture => self.flag(entries).map(|set| self.capture = set),
            Field::Suppress => {
                self.suppress = self.flag(entries)?.then_some(self.place);
                Ok(())
            }
            target => self.read_target(target, entries),
        }
    }

    fn read_target<A: MapAccess<'de>>(&mut self, field: Field, entries: &mut A) -> Result<(), A::Error> {
        let context = self.context;
        match field {
            Field::Tenant => self.target.tenants = self.one_target(entries)?,
            Field::Index => self.target.indices = self.one_target(entries)?,
            Field::Principal => self.target.principals = self.one_target(entries)?,
            Field::Endpoint => {
                let kind = endpoint(context, &self.scalar(entries)?)?;
                self.target.endpoints = EndpointSet::EMPTY.with(kind);
            }
            Field::Tenants | Field::Indices | Field::Principals | Field::Endpoints => {
                self.read_list(field, entries)?;
            }
            _ => self.target.labels = entries.next_value_seed(Reader(Labels { context }))?,
        }
        Ok(())
    }

    fn read_list<A: MapAccess<'de>>(&mut self, field: Field, entries: &mut A) -> Result<(), A::Error> {
        let context = self.context;
        match field {
            Field::Tenants => self.target.tenants = entries.next_value_seed(Reader(AnyOf { context }))?,
            Field::Indices => self.target.indices = entries.next_value_seed(Reader(AnyOf { context }))?,
            Field::Principals => {
                self.target.principals = entries.next_value_seed(Reader(AnyOf { context }))?;
            }
            _ => self.target.endpoints = entries.next_value_seed(Reader(Endpoints { context }))?,
        }
        // Only lists can make it too many.
        match self.target.combinations() {
            Some(_) => Ok(()),
            None => Err(context.fail(Reason::TooManyTargets, Part::Value)),
        }
    }

    fn read_id<A: MapAccess<'de>>(&mut self, entries: &mut A) -> Result<(), A::Error> {
        let id = self.text(entries)?;
        self.check(check_id(&id))?;
        if !self.whole.claim_id(id.clone()) {
            return Err(self.context.fail(Reason::DuplicateId, Part::Value));
        }
        self.id = Some(id);
        Ok(())
    }

    fn finish<E: Error>(self) -> Result<Directive<'de>, E> {
        let missing = |reason| self.context.fail::<E>(reason, Part::Start);
        let id = self.id.ok_or_else(|| missing(Reason::MissingId))?;
        let level = self.level.ok_or_else(|| missing(Reason::MissingLevel))?;
        let expires_at = self.expires_at.ok_or_else(|| missing(Reason::MissingTtlSecs))?;
        if let (Some(place), Err(reason)) = (self.suppress, check_suppress(self.suppress.is_some(), level)) {
            let error = self.context.fail(reason, Part::Name);
            return Err(self.context.at(error, Step::field(place, Field::Suppress.as_str())));
        }
        if !self.whole.claim_entries(self.target.combinations().unwrap_or(usize::MAX)) {
            return Err(missing(Reason::TooManyTargets));
        }
        Ok(Directive {
            id,
            level,
            not_before: self.not_before,
            expires_at,
            target: self.target,
            sampling: self.sampling,
            ring_buffer: self.ring_buffer,
            capture: self.capture,
            suppress: self.suppress.is_some(),
        })
    }
}

/// The scalars.
impl<'de> Draft<'_, '_, 'de> {
    fn scalar<A: MapAccess<'de>>(&self, entries: &mut A) -> Result<Token<'de>, A::Error> {
        entries.next_value_seed(Reader(Scalar { context: self.context }))
    }

    fn text<A: MapAccess<'de>>(&self, entries: &mut A) -> Result<Cow<'de, str>, A::Error> {
        entries.next_value_seed(Reader(Text::<4> { context: self.context }))
    }

    fn flag<A: MapAccess<'de>>(&self, entries: &mut A) -> Result<bool, A::Error> {
        self.scalar(entries)?.into_bool(self.context)
    }

    fn timestamp<A: MapAccess<'de>>(&self, entries: &mut A) -> Result<UnixMillis, A::Error> {
        let text = self.text(entries)?;
        UnixMillis::parse_rfc3339(&text).ok_or_else(|| self.context.fail(Reason::BadTimestamp, Part::Value))
    }

    fn ttl_secs<A: MapAccess<'de>>(&self, entries: &mut A) -> Result<u64, A::Error> {
        let refuse = |reason| Err(self.context.fail(reason, Part::Value));
        match self.scalar(entries)? {
            Token::Unsigned(0) => refuse(Reason::ZeroTtl),
            Token::Unsigned(seconds) if seconds <= MAX_TTL_SECS => Ok(seconds),
            Token::Unsigned(_) => refuse(Reason::TtlTooLong),
            // A whole number that does not fit into 64 bits arrives as a float.
            Token::Float(seconds) if seconds >= 18_446_744_073_709_551_616.0 => refuse(Reason::TtlTooLong),
            other => Err(other.wrong_type(self.context, "a whole number of seconds")),
        }
    }

    fn per_mille<A: MapAccess<'de>>(&self, entries: &mut A) -> Result<u16, A::Error> {
        let rate = match self.scalar(entries)? {
            Token::Unsigned(rate) => u16::try_from(rate).ok().filter(|&rate| rate <= FULL_SAMPLE),
            _ => None,
        };
        rate.ok_or_else(|| self.context.fail(Reason::BadSampleRate, Part::Value))
    }

    fn one_target<A: MapAccess<'de>>(&self, entries: &mut A) -> Result<StrList<'de>, A::Error> {
        let value = self.text(entries)?;
        self.check(check_target(&value))?;
        Ok(StrList::One(value))
    }

    fn check<E: Error>(&self, checked: Result<(), Reason>) -> Result<(), E> {
        checked.map_err(|reason| self.context.fail(reason, Part::Value))
    }
}

/// Any scalar; the field judges it.
struct Scalar<'c> {
    context: &'c Context,
}

impl<'de> Read<'de> for Scalar<'_> {
    type Value = Token<'de>;
    const DEPTH: u32 = 4;

    fn context(&self) -> &Context {
        self.context
    }

    fn token<E: Error>(self, token: Token<'de>) -> Result<Token<'de>, E> {
        Ok(token)
    }
}
