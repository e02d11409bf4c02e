//! The values that are not a single string, number or boolean: any-of lists, endpoints, labels.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use serde::de::{Error, MapAccess, SeqAccess};

use super::context::{Context, Part, Step};
use super::read::{Read, Reader, Text, Token};
use super::suggest::offer;
use crate::directive::{StrList, check_target};
use crate::error::Reason;
use crate::limits::{MAX_ANY_OF, MAX_LABELS};
use crate::vocabulary::{EndpointKind, EndpointSet};

/// `tenants`, `indices`, `principals`.
pub(super) struct AnyOf<'c> {
    pub(super) context: &'c Context,
}

impl<'de> Read<'de> for AnyOf<'_> {
    type Value = StrList<'de>;
    const DEPTH: u32 = 4;

    fn context(&self) -> &Context {
        self.context
    }

    fn token<E: Error>(self, token: Token<'de>) -> Result<StrList<'de>, E> {
        Err(token.wrong_type(self.context, "an array of strings"))
    }

    fn array<A: SeqAccess<'de>>(self, items: A) -> Result<StrList<'de>, A::Error> {
        let context = self.context;
        let mut values = Vec::new();
        each_item(context, items, || TargetValue { context }, |value| values.push(value))?;
        match values.len() {
            1 => Ok(values.pop().map_or(StrList::Any, StrList::One)),
            _ => Ok(StrList::AnyOf(values)),
        }
    }
}

/// `endpoints`.
pub(super) struct Endpoints<'c> {
    pub(super) context: &'c Context,
}

impl<'de> Read<'de> for Endpoints<'_> {
    type Value = EndpointSet;
    const DEPTH: u32 = 4;

    fn context(&self) -> &Context {
        self.context
    }

    fn token<E: Error>(self, token: Token<'de>) -> Result<EndpointSet, E> {
        Err(token.wrong_type(self.context, "an array of endpoints"))
    }

    fn array<A: SeqAccess<'de>>(self, items: A) -> Result<EndpointSet, A::Error> {
        let context = self.context;
        let mut kinds = EndpointSet::EMPTY;
        each_item(context, items, || Endpoint { context }, |kind| kinds = kinds.with(kind))?;
        Ok(kinds)
    }
}

/// Reads a list of 1 to [`MAX_ANY_OF`] items.
fn each_item<'de, A: SeqAccess<'de>, R: Read<'de>>(
    context: &Context,
    mut items: A,
    reader: impl Fn() -> R,
    mut accept: impl FnMut(R::Value),
) -> Result<(), A::Error> {
    let mut place = 0_usize;
    loop {
        let at = |error| context.at(error, Step::item(place));
        match items.next_element_seed(Reader(reader())).map_err(at)? {
            None if place == 0 => return Err(context.fail(Reason::EmptyTarget, Part::Value)),
            None => return Ok(()),
            Some(_) if place >= MAX_ANY_OF => {
                return Err(at(context.fail(Reason::TooManyTargets, Part::Value)));
            }
            Some(item) => accept(item),
        }
        place = place.saturating_add(1);
    }
}

/// One value of a list of targets, or of a label.
struct TargetValue<'c> {
    context: &'c Context,
}

impl<'de> Read<'de> for TargetValue<'_> {
    type Value = Cow<'de, str>;
    const DEPTH: u32 = 5;

    fn context(&self) -> &Context {
        self.context
    }

    fn token<E: Error>(self, token: Token<'de>) -> Result<Cow<'de, str>, E> {
        let value = token.into_str(self.context)?;
        check_target(&value).map_err(|reason| self.context.fail(reason, Part::Value))?;
        Ok(value)
    }
}

/// One value of `endpoints`.
struct Endpoint<'c> {
    context: &'c Context,
}

impl<'de> Read<'de> for Endpoint<'_> {
    type Value = EndpointKind;
    const DEPTH: u32 = 5;

    fn context(&self) -> &Context {
        self.context
    }

    fn token<E: Error>(self, token: Token<'de>) -> Result<EndpointKind, E> {
        endpoint(self.context, &token)
    }
}

/// One endpoint, on its own or in a list.
pub(super) fn endpoint<E: Error>(context: &Context, token: &Token<'_>) -> Result<EndpointKind, E> {
    let Token::Str(name) = token else {
        return Err(context.fail(Reason::BadEndpoint, Part::Value));
    };
    named(
        context,
        name,
        EndpointKind::from_name,
        (EndpointKind::ALL, EndpointKind::as_str),
        Reason::UnknownEndpoint,
    )
}

/// `labels`.
pub(super) struct Labels<'c> {
    pub(super) context: &'c Context,
}

impl<'de> Read<'de> for Labels<'_> {
    type Value = Vec<(Cow<'de, str>, Cow<'de, str>)>;
    const DEPTH: u32 = 4;

    fn context(&self) -> &Context {
        self.context
    }

    fn token<E: Error>(self, token: Token<'de>) -> Result<Self::Value, E> {
        Err(token.wrong_type(self.context, "an object of strings"))
    }

    fn object<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let context = self.context;
        let mut labels: Self::Value = Vec::new();
        while let Some(name) = entries.next_key_seed(Reader(Text::<1> { context }))? {
            let at = |error| context.at(error, Step::named(labels.len(), &name));
            let refuse = |reason| at(context.fail(reason, Part::Name));
            if labels.len() >= MAX_LABELS {
                return Err(refuse(Reason::TooManyLabels));
            }
            check_target(&name).map_err(refuse)?;
            if labels.iter().any(|(earlier, _)| *earlier == name) {
                return Err(refuse(Reason::DuplicateField));
            }
            let value = entries.next_value_seed(Reader(TargetValue { context })).map_err(at)?;
            labels.push((name, value));
        }
        match labels.is_empty() {
            true => Err(context.fail(Reason::EmptyTarget, Part::Value)),
            false => Ok(labels),
        }
    }
}

/// The value of a name out of a closed vocabulary.
pub(super) fn named<T: Copy, E: Error>(
    context: &Context,
    name: &str,
    from_name: fn(&str) -> Option<T>,
    (all, name_of): (&[T], fn(T) -> &'static str),
    reason: Reason,
) -> Result<T, E> {
    from_name(name).ok_or_else(|| {
        let help = offer(name, all.iter().map(|&value| name_of(value)));
        context.fail_with(reason, Part::Value, Cow::Borrowed(reason.message()), help)
    })
}
