//! The document as a whole: an object with one field, an array of directives.

use alloc::borrow::Cow;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use serde::de::{Error, MapAccess, SeqAccess};

use super::context::{Context, Part, Step};
use super::directive::OneDirective;
use super::read::{Read, Reader, Text, Token};
use super::suggest::offer;
use crate::directive::Directive;
use crate::error::Reason;
use crate::hash;
use crate::limits::{MAX_DIRECTIVES, MAX_ENTRIES};

const DIRECTIVES: &str = "directives";

/// The root.
pub(super) struct Document<'c, 'a, 'de> {
    context: &'c Context,
    /// How many directives there probably are.
    expected: usize,
    accept: &'a mut dyn FnMut(Directive<'de>),
}

impl<'c, 'a, 'de> Document<'c, 'a, 'de> {
    pub(super) fn new(
        context: &'c Context,
        expected: usize,
        accept: &'a mut dyn FnMut(Directive<'de>),
    ) -> Self {
        Self { context, expected, accept }
    }
}

impl<'de> Read<'de> for Document<'_, '_, 'de> {
    type Value = ();
    const DEPTH: u32 = 1;

    fn context(&self) -> &Context {
        self.context
    }

    fn token<E: Error>(self, _: Token<'de>) -> Result<(), E> {
        Err(self.context.fail(Reason::NotAnObject, Part::Value))
    }

    fn object<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let context = self.context;
        let mut place = 0_usize;
        while let Some(name) = entries.next_key_seed(Reader(Text::<1> { context }))? {
            if name != DIRECTIVES {
                let error = unknown_field(context, &name, [DIRECTIVES]);
                return Err(context.at(error, Step::named(place, &name)));
            }
            let step = Step::field(place, DIRECTIVES);
            if place > 0 {
                return Err(context.at(context.fail(Reason::DuplicateField, Part::Name), step));
            }
            let directives = Directives { context, expected: self.expected, accept: &mut *self.accept };
            entries.next_value_seed(Reader(directives)).map_err(|error| context.at(error, step))?;
            place = place.saturating_add(1);
        }
        if place == 0 { Err(context.fail(Reason::MissingDirectives, Part::Start)) } else { Ok(()) }
    }
}

/// The array.
struct Directives<'c, 'a, 'de> {
    context: &'c Context,
    expected: usize,
    accept: &'a mut dyn FnMut(Directive<'de>),
}

impl<'de> Read<'de> for Directives<'_, '_, 'de> {
    type Value = ();
    const DEPTH: u32 = 2;

    fn context(&self) -> &Context {
        self.context
    }

    fn token<E: Error>(self, token: Token<'de>) -> Result<(), E> {
        Err(token.wrong_type(self.context, "an array of directives"))
    }

    fn array<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { context, expected, accept } = self;
        let mut whole = Whole { ids: HashTable::with_capacity(expected), entries: 0 };
        let mut place = 0_usize;
        loop {
            let one = Reader(OneDirective { context, whole: &mut whole, accept: &mut *accept });
            let next = items.next_element_seed(one).map_err(|error| context.at(error, Step::item(place)))?;
            if next.is_none() {
                return Ok(());
            }
            place = place.saturating_add(1);
        }
    }
}

/// What holds for all directives of a document together.
pub(super) struct Whole<'de> {
    ids: HashTable<Cow<'de, str>>,
    entries: usize,
}

impl<'de> Whole<'de> {
    /// Whether there is room for one more directive.
    pub(super) fn has_room(&self) -> bool {
        self.ids.len() < MAX_DIRECTIVES
    }

    /// Takes note of an id; false if it was there.
    pub(super) fn claim_id(&mut self, id: Cow<'de, str>) -> bool {
        let hash = |id: &str| hash::text(id.as_bytes());
        match self.ids.entry(hash(&id), |other| *other == id, |id| hash(id)) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(id);
                true
            }
        }
    }

    /// Takes note of table entries; false if they are too many.
    pub(super) fn claim_entries(&mut self, entries: usize) -> bool {
        self.entries = self.entries.saturating_add(entries);
        self.entries <= MAX_ENTRIES
    }
}

/// Refuses a field, and offers the known one that looks most like it.
pub(super) fn unknown_field<E: Error>(
    context: &Context,
    name: &str,
    known: impl IntoIterator<Item = &'static str>,
) -> E {
    let message = Cow::Borrowed(Reason::UnknownField.message());
    context.fail_with(Reason::UnknownField, Part::Name, message, offer(name, known))
}
