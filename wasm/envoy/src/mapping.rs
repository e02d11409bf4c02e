//! How a request of Envoy becomes a request of the core.

use alloc::string::String;
use alloc::vec::Vec;

use aldis_core::{EndpointKind, Request};

use crate::attribute::Attribute;
use crate::host::Host;
use crate::limits::MAX_LABELS;
use crate::needs::{Fact, Needs};
use crate::wanted::Found;

/// Where each fact comes from. A fact without an origin is never known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mapping {
    pub(crate) tenant: Option<Attribute>,
    pub(crate) index: Option<Attribute>,
    pub(crate) principal: Option<Attribute>,
    pub(crate) endpoint: Option<Attribute>,
    pub(crate) request_id: Option<Attribute>,
    pub(crate) trace_id: Option<Attribute>,
    pub(crate) labels: Vec<(String, Attribute)>,
    pub(crate) properties: Vec<Property>,
}

/// Properties of which the first that is there and not empty counts.
#[derive(Clone, Debug)]
pub(crate) struct Property {
    /// What it is for.
    pub(crate) fact: Fact,
    /// As the ABI wants them: names joined by zero bytes.
    pub(crate) paths: Vec<Vec<u8>>,
}

impl Mapping {
    /// Asks the host for the properties that are needed: a call each, and usually none.
    pub(crate) fn fetch(&self, host: &impl Host, needs: Needs) -> Vec<Option<String>> {
        let fetch = |property: &Property| {
            let paths = property.paths.iter().filter(|_| needs.has(property.fact));
            let mut values = paths.filter_map(|path| String::from_utf8(host.property(path)?).ok());
            values.find(|value| !value.is_empty())
        };
        self.properties.iter().map(fetch).collect()
    }

    /// Lends `ask` the facts that are needed. Allocates nothing.
    pub(crate) fn with_request<'b, R>(
        &'b self,
        found: &Found<'b>,
        properties: &'b [Option<String>],
        needs: Needs,
        ask: impl FnOnce(&Request<'_>) -> R,
    ) -> R {
        let facts = Facts { found, properties, needs };
        let mut labels = [("", ""); MAX_LABELS];
        let count = if needs.has(Fact::Label) { self.read_labels(found, properties, &mut labels) } else { 0 };
        ask(&Request {
            tenant: facts.read(Fact::Tenant, self.tenant.as_ref()),
            index: facts.read(Fact::Index, self.index.as_ref()),
            principal: facts.read(Fact::Principal, self.principal.as_ref()),
            endpoint: facts.read(Fact::Endpoint, self.endpoint.as_ref()).map(endpoint),
            request_id: facts.read(Fact::RequestId, self.request_id.as_ref()),
            trace_id: facts.read(Fact::TraceId, self.trace_id.as_ref()),
            labels: labels.get(..count).unwrap_or_default(),
        })
    }

    /// Fills in the labels that are known, and says how many they are.
    fn read_labels<'a>(
        &'a self,
        found: &Found<'a>,
        properties: &'a [Option<String>],
        labels: &mut [(&'a str, &'a str); MAX_LABELS],
    ) -> usize {
        let known = self
            .labels
            .iter()
            .filter_map(|(name, attribute)| Some((name.as_str(), attribute.read(found, properties)?)));
        labels.iter_mut().zip(known).map(|(room, label)| *room = label).count()
    }
}

/// What facts are read from.
struct Facts<'f, 'b> {
    found: &'f Found<'b>,
    properties: &'b [Option<String>],
    needs: Needs,
}

impl<'b> Facts<'_, 'b> {
    fn read(&self, fact: Fact, attribute: Option<&'b Attribute>) -> Option<&'b str> {
        attribute.filter(|_| self.needs.has(fact))?.read(self.found, self.properties)
    }
}

/// A text that names no endpoint is one that the proxy could not name.
fn endpoint(name: &str) -> EndpointKind {
    EndpointKind::from_name(name).unwrap_or(EndpointKind::Unknown)
}
