//! A request of the boundary as the core asks for it: where the host wrote it.

use aldis_abi::RequestView;
use aldis_core::{EndpointKind, RequestFacts};

/// A request that lies in the buffer, its endpoint known to mean one.
pub(crate) struct Written<'a>(RequestView<'a>);

impl<'a> Written<'a> {
    /// `None` if the bytes are none, or the endpoint's code means none.
    #[inline(always)]
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let view = aldis_abi::decode(bytes).ok()?;
        let is_known = view.endpoint().is_none_or(|code| EndpointKind::from_code(code).is_some());
        is_known.then_some(Self(view))
    }
}

impl RequestFacts for Written<'_> {
    #[inline(always)]
    fn tenant(&self) -> Option<&[u8]> {
        self.0.tenant()
    }

    #[inline(always)]
    fn index(&self) -> Option<&[u8]> {
        self.0.index()
    }

    #[inline(always)]
    fn principal(&self) -> Option<&[u8]> {
        self.0.principal()
    }

    #[inline(always)]
    fn endpoint(&self) -> Option<EndpointKind> {
        self.0.endpoint().and_then(EndpointKind::from_code)
    }

    #[inline(always)]
    fn request_id(&self) -> Option<&[u8]> {
        self.0.request_id()
    }

    #[inline(always)]
    fn trace_id(&self) -> Option<&[u8]> {
        self.0.trace_id()
    }

    #[inline(always)]
    fn labels(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.labels()
    }
}
