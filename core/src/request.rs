//! The facts of one request.

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
    /// The id of the trace the request belongs to.
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
}
