//! The reference as an engine: a set as it holds it, and its three questions as one.

use std::time::Duration;

use aldis_core::{DirectiveSet, UnixMillis};
use osproxy_core::{Clock, EndpointKind, ManualClock, PartitionId, PrincipalId, RequestId};
use osproxy_observe::{RequestAttrs, decode_directive_set};
use rig::generate::NOW;
use rig::vectors::{Pairs, Request, Verdict};

/// A set as the reference holds it, decoded at the beginning of its clock.
pub(crate) struct Reference(osproxy_observe::DirectiveSet);

impl Reference {
    pub(crate) fn decode(body: &[u8]) -> Result<Self, &'static str> {
        decode_directive_set(body, &ManualClock::new()).map(Self)
    }

    /// A set of the reference that came about otherwise.
    pub(crate) const fn of(set: osproxy_observe::DirectiveSet) -> Self {
        Self(set)
    }

    /// Its three questions as one verdict; it does not say which directive decides.
    pub(crate) fn decide(&self, request: &Request, late: Duration) -> Verdict {
        let clock = ManualClock::new();
        clock.advance(late);
        let now = clock.now();
        let text = |fact: &Option<String>| fact.clone().expect("the reference needs every fact");
        let tenant = request.tenant.as_deref().map(PartitionId::from);
        let principal = PrincipalId::from(text(&request.principal).as_str());
        let attributes = RequestAttrs {
            tenant: tenant.as_ref(),
            index: &text(&request.index),
            principal: &principal,
            endpoint: EndpointKind::from_name(&text(&request.endpoint)).expect("is an endpoint"),
        };
        let id = RequestId::from(text(&request.request_id).as_str());
        Verdict {
            level: self.0.evaluate(&attributes, now, &id).as_str().to_string(),
            ring_buffer: self.0.wants_ring_buffer(&attributes, now, &id),
            capture: self.0.wants_capture(&attributes, now, &id),
            decided_by: None,
        }
    }
}

/// The reference knows no request without index, principal, endpoint and id.
pub(crate) fn with_every_fact(request: Request) -> Request {
    Request {
        index: request.index.or(Some("none".to_string())),
        principal: request.principal.or(Some("nobody".to_string())),
        endpoint: request.endpoint.or(Some("Cursor".to_string())),
        request_id: request.request_id.or(Some("r".to_string())),
        labels: Pairs::default(),
        ..request
    }
}

/// The same of ours, without saying which directive decides.
pub(crate) fn decide(set: &DirectiveSet, request: &Request, late: Duration) -> Verdict {
    let late = u64::try_from(late.as_millis()).expect("is short");
    let now = UnixMillis::new(NOW.as_u64().saturating_add(late));
    let decision = request.with_facts(|request| set.evaluate(request, now));
    Verdict {
        level: decision.level.to_string(),
        ring_buffer: decision.ring_buffer,
        capture: decision.capture,
        decided_by: None,
    }
}
