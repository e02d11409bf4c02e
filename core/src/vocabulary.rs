//! The closed vocabularies of a document: each name, both ways.

/// An enum whose values have names, and codes in declaration order.
macro_rules! vocabulary {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[repr(u8)]
        $vis enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every value, in declaration order.
            $vis const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name that documents use.
            #[must_use]
            $vis const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The value of a name; names are case-sensitive.
            #[must_use]
            $vis fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }

            /// The value's place in [`ALL`](Self::ALL): its code in images and in the raw ABI.
            #[must_use]
            $vis const fn code(self) -> u8 {
                self as u8
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

pub(crate) use vocabulary;

/// The way back from a code.
macro_rules! coded {
    ($($name:ident),+) => {
        $(impl $name {
            /// The value of a [`code`](Self::code).
            #[must_use]
            pub fn from_code(code: u8) -> Option<Self> {
                Self::ALL.get(usize::from(code)).copied()
            }
        })+
    };
}

coded!(DiagLevel, EndpointKind, SampleBy);

vocabulary! {
    /// How much of a request to record, from nothing to most; compares by how much.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum DiagLevel {
        /// Nothing beyond what is always recorded.
        Off = "Off",
        /// Shapes only: ids, names, sizes.
        Shape = "Shape",
        /// Shapes and the time of each stage.
        ShapeTiming = "ShapeTiming",
        /// Shapes, times, and how a rewrite changed the shape; never values.
        ShapeRewriteDiff = "ShapeRewriteDiff",
    }
}

vocabulary! {
    /// What kind of operation a request is.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum EndpointKind {
        /// Write one document.
        IngestDoc = "IngestDoc",
        /// Write many documents.
        IngestBulk = "IngestBulk",
        /// Search.
        Search = "Search",
        /// Many searches in one request.
        MultiSearch = "MultiSearch",
        /// Count matches.
        Count = "Count",
        /// Read one document by its id.
        GetById = "GetById",
        /// Read many documents by their ids.
        MultiGet = "MultiGet",
        /// Delete one document by its id.
        DeleteById = "DeleteById",
        /// Delete what a query matches.
        DeleteByQuery = "DeleteByQuery",
        /// Page through a result.
        Cursor = "Cursor",
        /// Administration.
        Admin = "Admin",
        /// An endpoint that the proxy could not name. A kind of its own, not a wildcard.
        Unknown = "Unknown",
    }
}

vocabulary! {
    /// Which fact of the request a sample is drawn by.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum SampleBy {
        /// Each request on its own.
        RequestId = "request_id",
        /// All requests of a trace together.
        TraceId = "trace_id",
        /// All requests of a tenant together.
        Tenant = "tenant",
        /// All requests of a principal together.
        Principal = "principal",
    }
}

/// A set of [`EndpointKind`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EndpointSet(u16);

impl EndpointSet {
    /// No endpoint at all.
    pub const EMPTY: Self = Self(0);
    /// Every bit that means an endpoint.
    const MASK: u16 = (1 << EndpointKind::ALL.len()) - 1;

    /// This set and `kind`.
    #[must_use]
    pub const fn with(self, kind: EndpointKind) -> Self {
        Self(self.0 | Self::bit(kind))
    }

    /// Only `kind`.
    pub(crate) const fn of(kind: EndpointKind) -> Self {
        Self(Self::bit(kind))
    }

    /// Whether `kind` is in the set.
    #[must_use]
    pub const fn contains(self, kind: EndpointKind) -> bool {
        self.0 & Self::bit(kind) != 0
    }

    /// Whether no endpoint is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many endpoints are in the set.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The endpoints in declaration order.
    pub fn iter(self) -> impl Iterator<Item = EndpointKind> {
        EndpointKind::ALL.iter().copied().filter(move |&kind| self.contains(kind))
    }

    /// One bit per endpoint, by [`EndpointKind::code`].
    pub(crate) const fn bits(self) -> u16 {
        self.0
    }

    /// The set of these bits; `None` if one of them means no endpoint.
    pub(crate) const fn from_bits(bits: u16) -> Option<Self> {
        if bits & !Self::MASK == 0 { Some(Self(bits)) } else { None }
    }

    const fn bit(kind: EndpointKind) -> u16 {
        1 << kind as u16
    }
}

impl FromIterator<EndpointKind> for EndpointSet {
    fn from_iter<I: IntoIterator<Item = EndpointKind>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::EMPTY, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_go_both_ways() {
        for &kind in EndpointKind::ALL {
            assert_eq!(EndpointKind::from_name(kind.as_str()), Some(kind));
            assert_eq!(EndpointKind::from_code(kind.code()), Some(kind));
        }
        assert_eq!(EndpointKind::ALL.len(), 12);
        assert_eq!(EndpointKind::from_name("search"), None, "names are case-sensitive");
        assert_eq!(EndpointKind::from_code(12), None);
    }

    #[test]
    fn levels_compare_by_how_much_they_record() {
        assert!(DiagLevel::ALL.is_sorted());
    }

    #[test]
    fn an_endpoint_set_holds_what_was_put_in_and_refuses_foreign_bits() {
        let set: EndpointSet = [EndpointKind::Search, EndpointKind::Unknown].into_iter().collect();
        assert_eq!(set.len(), 2);
        assert!(set.contains(EndpointKind::Unknown) && !set.contains(EndpointKind::Count));
        assert_eq!(EndpointSet::from_bits(set.bits()), Some(set));
        assert_eq!(EndpointSet::from_bits(1 << 12), None);
    }
}
