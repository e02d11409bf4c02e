//! Which facts the set in force asks for. Others need not be looked for.

use aldis_core::{EndpointKind, FactSet, Request};

/// A kind of fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    Tenant,
    Index,
    Principal,
    Endpoint,
    RequestId,
    TraceId,
    Label,
}

/// Some kinds of facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Needs(u8);

impl Needs {
    pub(crate) const NONE: Self = Self(0);

    /// Those that an image's decisions depend on; all, if it does not say.
    pub(crate) fn of_image(image: &[u8]) -> Self {
        const EVERYTHING: Request<'static> = Request {
            tenant: Some(""),
            index: Some(""),
            principal: Some(""),
            endpoint: Some(EndpointKind::Unknown),
            request_id: Some(""),
            trace_id: Some(""),
            labels: &[("", "")],
        };
        // What is left of a request that has everything is what is asked for.
        let left = EVERYTHING.only(FactSet::of_image(image).unwrap_or(FactSet::ALL));
        [
            (Fact::Tenant, left.tenant.is_some()),
            (Fact::Index, left.index.is_some()),
            (Fact::Principal, left.principal.is_some()),
            (Fact::Endpoint, left.endpoint.is_some()),
            (Fact::RequestId, left.request_id.is_some()),
            (Fact::TraceId, left.trace_id.is_some()),
            (Fact::Label, !left.labels.is_empty()),
        ]
        .into_iter()
        .filter(|(_, needed)| *needed)
        .fold(Self::NONE, |needs, (fact, _)| Self(needs.0 | Self::bit(fact)))
    }

    pub(crate) const fn has(self, fact: Fact) -> bool {
        self.0 & Self::bit(fact) != 0
    }

    const fn bit(fact: Fact) -> u8 {
        1 << fact as u8
    }
}

#[cfg(test)]
mod tests {
    use aldis_core::{DirectiveSet, UnixMillis};

    use super::*;

    fn needs(document: &str) -> Needs {
        let set = DirectiveSet::decode(document.as_bytes(), UnixMillis::new(0)).expect("is a document");
        Needs::of_image(set.as_image())
    }

    #[test]
    fn only_what_a_set_asks_for_is_needed() {
        assert_eq!(needs(r#"{"directives":[]}"#), Needs::NONE);
        let tenants = needs(r#"{"directives":[{"id":"a","level":"Shape","ttl_secs":60,"tenant":"acme"}]}"#);
        assert!(tenants.has(Fact::Tenant) && !tenants.has(Fact::Index) && !tenants.has(Fact::RequestId));
        let samples = needs(
            r#"{"directives":[{"id":"a","level":"Shape","ttl_secs":60,"labels":{"a":"b"},"sample_per_mille":5}]}"#,
        );
        assert!(samples.has(Fact::RequestId) && samples.has(Fact::Label) && !samples.has(Fact::TraceId));
    }

    #[test]
    fn what_is_no_image_may_need_anything() {
        assert!(Needs::of_image(b"?").has(Fact::TraceId));
    }
}
