//! One `serde` visitor for all readers: it sorts what stands there into scalar, array and object, and reads what nobody
//! asked for to its end, within the depth limit.

use alloc::borrow::Cow;
use alloc::format;
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::context::{Context, Part};
use crate::error::Reason;
use crate::limits::MAX_DEPTH;

/// What reads one value of the document.
pub(super) trait Read<'de>: Sized {
    /// What it makes of it.
    type Value;

    fn context(&self) -> &Context;

    /// How deep a container stands here; the document is 1.
    const DEPTH: u32;

    /// A string, number, boolean or null stands here, or a container that was read to its end.
    fn token<E: Error>(self, token: Token<'de>) -> Result<Self::Value, E>;

    /// An array stands here.
    fn array<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        skip_array(self.context(), Self::DEPTH, &mut items)?;
        self.token(Token::Array)
    }

    /// An object stands here.
    fn object<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        skip_object(self.context(), Self::DEPTH, &mut entries)?;
        self.token(Token::Object)
    }
}

/// A value that is not read any further.
pub(super) enum Token<'de> {
    Null,
    Bool(bool),
    /// A whole number that fits.
    Unsigned(u64),
    /// A whole number below zero.
    Negative,
    /// A number with a fraction or an exponent, or one that does not fit into 64 bits.
    Float(f64),
    Str(Cow<'de, str>),
    Array,
    Object,
}

impl<'de> Token<'de> {
    pub(super) fn into_str<E: Error>(self, context: &Context) -> Result<Cow<'de, str>, E> {
        match self {
            Self::Str(text) => Ok(text),
            other => Err(other.wrong_type(context, "a string")),
        }
    }

    pub(super) fn into_bool<E: Error>(self, context: &Context) -> Result<bool, E> {
        match self {
            Self::Bool(value) => Ok(value),
            other => Err(other.wrong_type(context, "true or false")),
        }
    }

    pub(super) fn wrong_type<E: Error>(&self, context: &Context, expected: &'static str) -> E {
        let message = format!("expected {expected}, found {}", self.kind());
        context.fail_with(Reason::WrongType, Part::Value, Cow::Owned(message), None)
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Unsigned(_) => "a number",
            Self::Negative => "a negative number",
            Self::Float(_) => "a number that is not whole",
            Self::Str(_) => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

/// A string: a name, or a value that does not travel up as a token to be looked at again. A container that stands where
/// a string should lies at this depth.
pub(super) struct Text<'c, const DEPTH: u32> {
    pub(super) context: &'c Context,
}

impl<'de, const DEPTH: u32> Read<'de> for Text<'_, DEPTH> {
    type Value = Cow<'de, str>;
    const DEPTH: u32 = DEPTH;

    fn context(&self) -> &Context {
        self.context
    }

    fn token<E: Error>(self, token: Token<'de>) -> Result<Cow<'de, str>, E> {
        token.into_str(self.context)
    }
}

/// Lets a [`Read`] be driven by `serde`.
pub(super) struct Reader<R>(pub(super) R);

impl<'de, R: Read<'de>> DeserializeSeed<'de> for Reader<R> {
    type Value = R::Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<R::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, R: Read<'de>> Visitor<'de> for Reader<R> {
    type Value = R::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<R::Value, E> {
        self.0.token(Token::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<R::Value, E> {
        self.0.token(Token::Bool(value))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<R::Value, E> {
        self.0.token(Token::Unsigned(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<R::Value, E> {
        self.0.token(u64::try_from(number).map_or(Token::Negative, Token::Unsigned))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<R::Value, E> {
        self.0.token(Token::Float(number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<R::Value, E> {
        self.0.token(Token::Str(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<R::Value, E> {
        self.0.token(Token::Str(Cow::Owned(text.into())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<R::Value, A::Error> {
        self.0.array(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<R::Value, A::Error> {
        self.0.object(entries)
    }
}

/// Reads a value that nobody wants, `depth` containers below the root.
struct Skip<'c> {
    context: &'c Context,
    depth: u32,
}

impl<'de> DeserializeSeed<'de> for Skip<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skip<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        skip_array(self.context, self.depth, &mut items)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        skip_object(self.context, self.depth, &mut entries)
    }
}

fn skip_array<'de, A: SeqAccess<'de>>(context: &Context, depth: u32, items: &mut A) -> Result<(), A::Error> {
    check_depth(context, depth)?;
    let below = depth.saturating_add(1);
    while items.next_element_seed(Skip { context, depth: below })?.is_some() {}
    Ok(())
}

fn skip_object<'de, A: MapAccess<'de>>(
    context: &Context,
    depth: u32,
    entries: &mut A,
) -> Result<(), A::Error> {
    check_depth(context, depth)?;
    let below = depth.saturating_add(1);
    while entries.next_key_seed(Skip { context, depth: below })?.is_some() {
        entries.next_value_seed(Skip { context, depth: below })?;
    }
    Ok(())
}

fn check_depth<E: Error>(context: &Context, depth: u32) -> Result<(), E> {
    if depth > MAX_DEPTH { Err(context.fail(Reason::TooDeep, Part::Value)) } else { Ok(()) }
}
