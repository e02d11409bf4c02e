//! The reference: `osproxy-observe` 1.0.5, asked as a proxy has to ask it.

use std::time::Duration;

use osproxy_core::{Clock, EndpointKind, Instant, ManualClock, PartitionId, PrincipalId, RequestId};
use osproxy_observe::{DiagLevel, DirectiveSet, RequestAttrs, decode_directive_set};

use crate::scene::Facts;

/// Level, ring buffer, capture.
pub type Answer = (DiagLevel, bool, bool);

/// A set, decoded at the beginning of its clock and asked a second later.
#[derive(Debug)]
pub struct Reference {
    set: DirectiveSet,
    now: Instant,
}

impl Reference {
    /// # Errors
    ///
    /// The reason by which the reference refuses.
    pub fn decode(document: &[u8]) -> anyhow::Result<Self> {
        let set = decode(document)?;
        let clock = ManualClock::new();
        clock.advance(Duration::from_secs(1));
        Ok(Self { set, now: clock.now() })
    }

    /// The three questions, each of which it answers by a look at every directive.
    #[must_use]
    pub fn ask(&self, request: &Prepared<'_>) -> Answer {
        let Prepared { attributes, id } = request;
        (
            self.set.evaluate(attributes, self.now, id),
            self.set.wants_ring_buffer(attributes, self.now, id),
            self.set.wants_capture(attributes, self.now, id),
        )
    }
}

/// Its decoder alone.
///
/// # Errors
///
/// The reason by which it refuses.
pub fn decode(document: &[u8]) -> anyhow::Result<DirectiveSet> {
    decode_directive_set(document, &ManualClock::new()).map_err(anyhow::Error::msg)
}

/// A request's facts in its types. A proxy makes them once per request, so that making them is not timed.
#[derive(Debug)]
pub struct Owned {
    tenant: PartitionId,
    index: String,
    principal: PrincipalId,
    endpoint: EndpointKind,
    id: RequestId,
}

impl Owned {
    /// # Errors
    ///
    /// If it does not know the endpoint.
    pub fn of(facts: &Facts) -> anyhow::Result<Self> {
        let endpoint = EndpointKind::from_name(facts.endpoint.as_str());
        Ok(Self {
            tenant: PartitionId::from(facts.tenant.as_str()),
            index: facts.index.clone(),
            principal: PrincipalId::from(facts.principal.as_str()),
            endpoint: endpoint.ok_or_else(|| anyhow::anyhow!("no endpoint {}", facts.endpoint))?,
            id: RequestId::from(facts.request_id.as_str()),
        })
    }

    /// The form in which it is asked.
    #[must_use]
    pub fn prepared(&self) -> Prepared<'_> {
        let Self { tenant, index, principal, endpoint, .. } = self;
        let attributes = RequestAttrs { tenant: Some(tenant), index, principal, endpoint: *endpoint };
        Prepared { attributes, id: &self.id }
    }
}

/// What it is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Prepared<'a> {
    attributes: RequestAttrs<'a>,
    id: &'a RequestId,
}

/// An answer as a number; [`crate::scene::code`] gives the same for the same of Aldis.
#[must_use]
pub fn code((level, ring_buffer, capture): Answer) -> u64 {
    let level = match level {
        DiagLevel::Off => 0,
        DiagLevel::Shape => 1,
        DiagLevel::ShapeTiming => 2,
        DiagLevel::ShapeRewriteDiff => 3,
    };
    level | u64::from(ring_buffer) << 2 | u64::from(capture) << 3
}
