//! The request headers that a configuration has to do with: found in one pass over all headers of a request.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use crate::block;
use crate::limits::MAX_WANTED;

/// Where the value of a wanted header comes to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(usize);

/// Names of headers, each once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    names: Vec<String>,
    /// A bit for each length that a name has, so that most headers are passed over after one look.
    lengths: u64,
}

impl Wanted {
    /// The slot for a name, which may have been asked for before; `None` if there are too many.
    pub(crate) fn slot(&mut self, name: &str) -> Option<Slot> {
        if let Some(place) = self.names.iter().position(|known| known == name) {
            return Some(Slot(place));
        }
        if self.names.len() == MAX_WANTED {
            return None;
        }
        self.lengths |= bit(name.len());
        self.names.push(name.to_owned());
        Some(Slot(self.names.len() - 1))
    }

    /// Looks for all of them. Cost: one pass, and no allocation.
    pub(crate) fn find<'b>(&self, block: &'b [u8]) -> Found<'b> {
        let mut found = Found([None; MAX_WANTED]);
        for (name, value) in block::pairs(block) {
            if self.lengths & bit(name.len()) == 0 {
                continue;
            }
            let place = self.names.iter().position(|wanted| wanted.as_bytes() == name);
            if let Some(slot) = place.and_then(|place| found.0.get_mut(place)) {
                // Of several with one name the first counts.
                slot.get_or_insert(value);
            }
        }
        found
    }
}

/// All lengths from 63 on share a bit.
const fn bit(len: usize) -> u64 {
    1 << if len < 63 { len } else { 63 }
}

/// What was found.
#[derive(Clone, Debug)]
pub(crate) struct Found<'b>([Option<&'b [u8]>; MAX_WANTED]);

impl<'b> Found<'b> {
    pub(crate) fn value(&self, slot: Slot) -> Option<&'b [u8]> {
        self.0.get(slot.0).copied().flatten()
    }

    /// The value as text; `None` as well if it is not UTF-8.
    pub(crate) fn text(&self, slot: Slot) -> Option<&'b str> {
        core::str::from_utf8(self.value(slot)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_one_slot_and_finds_its_first_value() {
        let mut wanted = Wanted::default();
        let slots = ["x-tenant", ":path", "x-tenant"].map(|name| wanted.slot(name).expect("has room"));
        assert_eq!(slots[0], slots[2]);
        let block = block::write::<&[u8]>(&[
            (":path", b"/"),
            ("x-tenanT", b"no"),
            ("x-tenant", b"a"),
            ("x-tenant", b"b"),
        ]);
        let found = wanted.find(&block);
        assert_eq!((found.text(slots[0]), found.text(slots[1])), (Some("a"), Some("/")));
    }

    #[test]
    fn what_is_not_utf_8_is_there_and_is_no_text() {
        let mut wanted = Wanted::default();
        let slot = wanted.slot("x").expect("has room");
        let block = block::write::<&[u8]>(&[("x", b"\xff")]);
        let found = wanted.find(&block);
        assert_eq!((found.value(slot), found.text(slot)), (Some(&b"\xff"[..]), None));
    }

    #[test]
    fn there_is_an_end_to_it() {
        let mut wanted = Wanted::default();
        let long = "n".repeat(100);
        for number in 0..MAX_WANTED {
            assert!(wanted.slot(&format!("{long}{number}")).is_some());
        }
        assert_eq!(wanted.slot("one more"), None);
        let last = format!("{long}{}", MAX_WANTED - 1);
        let slot = wanted.slot(&last).expect("is known");
        let block = block::write::<&[u8]>(&[(&last, b"found")]);
        assert_eq!(wanted.find(&block).text(slot), Some("found"));
    }
}
