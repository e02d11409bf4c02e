//! Where one fact of a request comes from.

use alloc::string::String;
use alloc::vec::Vec;

use aldis_core::Traceparent;

use crate::wanted::{Found, Slot};

/// A fact's origin, what its text is translated to, and what it is where there is none.
#[derive(Clone, Debug)]
pub(crate) struct Attribute {
    pub(crate) origin: Origin,
    /// Texts and what each stands for. If there are any, a text that is not among them is none.
    pub(crate) translations: Vec<(String, String)>,
    pub(crate) default: Option<String>,
}

/// Where a text is looked for.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// A header.
    Header(Slot),
    /// A segment of the path in this header, counted from zero, or from the end by numbers below.
    PathSegment(Slot, i32),
    /// The trace id of a `traceparent` in this header.
    Traceparent(Slot),
    /// The property at this place among those that were fetched.
    Property(usize),
    /// Always this.
    Constant(String),
}

impl Attribute {
    /// The fact's text. `properties` are those that were fetched.
    pub(crate) fn read<'a>(&'a self, found: &Found<'a>, properties: &'a [Option<String>]) -> Option<&'a str> {
        let text = match &self.origin {
            Origin::Header(slot) => found.text(*slot),
            Origin::PathSegment(slot, place) => found.text(*slot).and_then(|path| segment(path, *place)),
            Origin::Traceparent(slot) => {
                found.text(*slot).and_then(Traceparent::parse).map(Traceparent::trace_id)
            }
            Origin::Property(place) => properties.get(*place).and_then(Option::as_deref),
            Origin::Constant(text) => Some(text.as_str()),
        };
        text.and_then(|text| self.translate(text)).or(self.default.as_deref())
    }

    fn translate<'a>(&'a self, text: &'a str) -> Option<&'a str> {
        if self.translations.is_empty() {
            return Some(text);
        }
        self.translations.iter().find(|(from, _)| from == text).map(|(_, to)| to.as_str())
    }
}

/// A segment of a path as it was sent, escapes and all. An empty one is none.
fn segment(path: &str, place: i32) -> Option<&str> {
    let path = path.split(['?', '#']).next()?.strip_prefix('/')?;
    let nth = usize::try_from(place.unsigned_abs()).ok()?;
    let mut segments = path.split('/');
    let segment = if place < 0 { segments.nth_back(nth.checked_sub(1)?) } else { segments.nth(nth) };
    segment.filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block;
    use crate::wanted::Wanted;

    #[test]
    fn segments_count_from_either_end() {
        for (path, place, expected) in [
            ("/acme/orders/_search?q=a/b", 0, Some("acme")),
            ("/acme/orders/_search?q=a/b", 2, Some("_search")),
            ("/acme/orders/_search?q=a/b", 3, None),
            ("/acme/orders/_search?q=a/b", -1, Some("_search")),
            ("/acme/orders/_search#x", -3, Some("acme")),
            ("/acme/orders/_search", -4, None),
            ("/a%20b", 0, Some("a%20b")),
            ("//a", 0, None),
            ("/a/", -1, None),
            ("/", 0, None),
            ("*", 0, None),
            ("", 0, None),
            ("/a", i32::MIN, None),
        ] {
            assert_eq!(segment(path, place), expected, "{path} {place}");
        }
    }

    #[test]
    fn a_text_is_translated_and_a_default_stands_in() {
        let mut wanted = Wanted::default();
        let slot = wanted.slot("x").expect("has room");
        let attribute = |translations: &[(&str, &str)], default: Option<&str>| Attribute {
            origin: Origin::Header(slot),
            translations: translations.iter().map(|(from, to)| (from.to_string(), to.to_string())).collect(),
            default: default.map(str::to_owned),
        };
        let read = |value: Option<&[u8]>, attribute: &Attribute| {
            let block =
                block::write::<&[u8]>(&value.map(|value| ("x", value)).into_iter().collect::<Vec<_>>());
            attribute.read(&wanted.find(&block), &[]).map(str::to_owned)
        };
        let plain = attribute(&[], None);
        assert_eq!(read(Some(b"a"), &plain).as_deref(), Some("a"));
        assert_eq!(read(Some(b""), &plain).as_deref(), Some(""), "empty is there");
        assert_eq!(read(None, &plain), None);
        assert_eq!(read(Some(b"\xff"), &plain), None);
        let translating = attribute(&[("a", "Search")], None);
        assert_eq!(read(Some(b"a"), &translating).as_deref(), Some("Search"));
        assert_eq!(read(Some(b"b"), &translating), None);
        let by_default = attribute(&[("a", "Search")], Some("Unknown"));
        assert_eq!(read(Some(b"b"), &by_default).as_deref(), Some("Unknown"));
        assert_eq!(read(None, &by_default).as_deref(), Some("Unknown"));
    }
}
