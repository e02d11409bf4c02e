//! The facts of one request.

use zerocopy::FromBytes;

use crate::image::{Header, MAGIC, facts};
use crate::limits::IMAGE_VERSION;
use crate::vocabulary::{EndpointKind, SampleBy};

/// What is known of one request when the decision is asked for. All of it is borrowed.
///
/// A fact that is not known is `None`, and matches only a directive that does not ask for it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Whose data the request touches.
    pub tenant: Option<&'a str>,
    /// The index, table or collection asked for.
    pub index: Option<&'a str>,
    /// Who asks.
    pub principal: Option<&'a str>,
    /// What kind of operation it is.
    pub endpoint: Option<EndpointKind>,
    /// The request's own id; the default key for sampling.
    pub request_id: Option<&'a str>,
    /// The id of the trace the request belongs to; of a header `traceparent`, [this one](crate::Traceparent::trace_id).
    pub trace_id: Option<&'a str>,
    /// Further facts as name and value. Of several with one name the first counts.
    pub labels: &'a [(&'a str, &'a str)],
}

impl<'a> Request<'a> {
    /// A request of which nothing is known; a start for struct-update syntax.
    pub const EMPTY: Self = Self {
        tenant: None,
        index: None,
        principal: None,
        endpoint: None,
        request_id: None,
        trace_id: None,
        labels: &[],
    };

    /// The value of the label `name`.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&'a str> {
        self.labels.iter().find(|(label, _)| *label == name).map(|&(_, value)| value)
    }

    /// The fact that a sample is drawn by.
    #[must_use]
    pub const fn sample_key(&self, by: SampleBy) -> Option<&'a str> {
        match by {
            SampleBy::RequestId => self.request_id,
            SampleBy::TraceId => self.trace_id,
            SampleBy::Tenant => self.tenant,
            SampleBy::Principal => self.principal,
        }
    }

    /// Only those of its facts that are in a set. Where the set is that of an image, the image decides on both alike, and
    /// there is less to hand on.
    #[inline]
    #[must_use]
    pub fn only(&self, facts: FactSet) -> Self {
        let has = |fact| facts.0 & fact != 0;
        Self {
            tenant: self.tenant.filter(|_| has(facts::TENANT)),
            index: self.index.filter(|_| has(facts::INDEX)),
            principal: self.principal.filter(|_| has(facts::PRINCIPAL)),
            endpoint: self.endpoint.filter(|_| has(facts::ENDPOINT)),
            request_id: self.request_id.filter(|_| has(facts::REQUEST_ID)),
            trace_id: self.trace_id.filter(|_| has(facts::TRACE_ID)),
            labels: if has(facts::LABEL) { self.labels } else { &[] },
        }
    }
}

/// What a decision asks of a request. [`Request`] answers it, and so may whatever has the facts in a form of its own, from
/// which a `Request` would have to be made: a guest reads them where its host wrote them.
///
/// Texts are bytes: they are compared and hashed, and nothing else. A fact that no directive asks for is not asked for.
pub trait RequestFacts {
    /// Whose data the request touches.
    fn tenant(&self) -> Option<&[u8]>;
    /// The index, table or collection asked for.
    fn index(&self) -> Option<&[u8]>;
    /// Who asks.
    fn principal(&self) -> Option<&[u8]>;
    /// What kind of operation it is.
    fn endpoint(&self) -> Option<EndpointKind>;
    /// The request's own id.
    fn request_id(&self) -> Option<&[u8]>;
    /// The id of the trace the request belongs to.
    fn trace_id(&self) -> Option<&[u8]>;
    /// Further facts as name and value. Of several with one name the first counts.
    fn labels(&self) -> impl Iterator<Item = (&[u8], &[u8])>;
}

impl RequestFacts for Request<'_> {
    #[inline]
    fn tenant(&self) -> Option<&[u8]> {
        self.tenant.map(str::as_bytes)
    }

    #[inline]
    fn index(&self) -> Option<&[u8]> {
        self.index.map(str::as_bytes)
    }

    #[inline]
    fn principal(&self) -> Option<&[u8]> {
        self.principal.map(str::as_bytes)
    }

    #[inline]
    fn endpoint(&self) -> Option<EndpointKind> {
        self.endpoint
    }

    #[inline]
    fn request_id(&self) -> Option<&[u8]> {
        self.request_id.map(str::as_bytes)
    }

    #[inline]
    fn trace_id(&self) -> Option<&[u8]> {
        self.trace_id.map(str::as_bytes)
    }

    #[inline]
    fn labels(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.labels.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))
    }
}

/// Some of the facts that a request can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FactSet(u8);

impl FactSet {
    /// All that there are.
    pub const ALL: Self = Self(
        facts::TENANT
            | facts::INDEX
            | facts::PRINCIPAL
            | facts::ENDPOINT
            | facts::LABEL
            | facts::REQUEST_ID
            | facts::TRACE_ID,
    );

    /// Those that an image's decisions depend on, as the image says; whether it is valid is not looked at. `None` if the
    /// bytes do not begin as an image of this version does.
    #[must_use]
    pub fn of_image(image: &[u8]) -> Option<Self> {
        let (header, _) = Header::ref_from_prefix(image).ok()?;
        let is_ours = header.magic == MAGIC && header.version.get() == IMAGE_VERSION;
        is_ours.then_some(Self(header.facts))
    }
}
