//! Where in the body a failure lies: a second walk along its path, taken only when there is one.

use core::cell::Cell;
use core::fmt;
use core::ops::Range;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use super::context::Part;

/// The bytes of `part` at the end of `places`, each the place of an entry or item in its container. `None` if the way
/// there, or the value, is not well-formed.
pub(super) fn locate(body: &[u8], places: &[usize], part: Part) -> Option<Range<usize>> {
    let found = Cell::new(None);
    let mut json = serde_json::Deserializer::from_slice(body);
    let walk = Walk { body, places, part, found: &found };
    // The walk breaks off with an error as soon as it has found what it looks for.
    let broken_off = walk.deserialize(&mut json);
    debug_assert!(broken_off.is_err() || places.is_empty(), "a walk ends where it has found");
    let span = found.take()?;
    match part {
        Part::Start => Some(span.start..span.start.saturating_add(1).min(span.end)),
        Part::Name | Part::Value => Some(span),
    }
}

struct Walk<'w, 'de> {
    body: &'de [u8],
    places: &'w [usize],
    part: Part,
    found: &'w Cell<Option<Range<usize>>>,
}

impl Walk<'_, '_> {
    fn found(&self, raw: &RawValue) {
        let text = raw.get();
        let start = text.as_ptr().addr().checked_sub(self.body.as_ptr().addr());
        self.found.set(start.map(|start| start..start.saturating_add(text.len())));
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        if self.places.is_empty() {
            self.found(<&RawValue>::deserialize(json)?);
            return Ok(());
        }
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Some((&place, places)) = self.places.split_first() else { return Ok(()) };
        for _ in 0..place {
            items.next_element::<IgnoredAny>()?;
        }
        items.next_element_seed(Walk { places, ..self })?;
        Err(A::Error::custom("found"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Some((&place, places)) = self.places.split_first() else { return Ok(()) };
        for _ in 0..place {
            entries.next_entry::<IgnoredAny, IgnoredAny>()?;
        }
        match (places, self.part) {
            ([], Part::Name) => {
                if let Some(name) = entries.next_key::<&RawValue>()? {
                    self.found(name);
                }
            }
            _ => {
                entries.next_key::<IgnoredAny>()?;
                entries.next_value_seed(Walk { places, ..self })?;
            }
        }
        Err(A::Error::custom("found"))
    }
}
