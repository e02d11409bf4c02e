//! How a decision goes out: as request headers, as filter state, and as the sampled bit of a trace.

use alloc::string::String;

use aldis_core::{Decision, DiagLevel, DirectiveSet};
use serde::Serialize;

use crate::wanted::{Found, Slot};

/// A header that goes out, and where a copy of it that a client sent is found.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) slot: Slot,
}

/// What goes out, and under which names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outputs {
    pub(crate) level: Option<Header>,
    pub(crate) decided_by: Option<Header>,
    pub(crate) flags: Option<Header>,
    pub(crate) revision: Option<Header>,
    /// The name of the property; empty: none.
    pub(crate) property: String,
    /// Whether the level `Off` goes out too.
    pub(crate) when_off: bool,
    pub(crate) sampled: Option<Sampled>,
}

/// What marks a request as one whose trace is recorded.
#[derive(Clone, Debug)]
pub(crate) struct Sampled {
    /// From this level on.
    pub(crate) from: DiagLevel,
    /// Where a `traceparent` is found whose bit is set.
    pub(crate) traceparent: Option<Slot>,
    /// A header of the operator's, and its value.
    pub(crate) header: Option<(Header, String)>,
}

impl Outputs {
    /// The headers of ours that the client sent as well.
    pub(crate) fn spoofed<'a>(&'a self, found: &'a Found<'_>) -> impl Iterator<Item = &'a str> {
        let marking = self.sampled.as_ref().and_then(|sampled| sampled.header.as_ref());
        let headers = [&self.level, &self.decided_by, &self.flags, &self.revision];
        let headers = headers.into_iter().flatten().chain(marking.map(|(header, _)| header));
        headers.filter(|header| found.value(header.slot).is_some()).map(|header| header.name.as_str())
    }

    /// Whether a decision is marked as sampled, and how.
    pub(crate) fn sampling(&self, decision: Decision) -> Option<&Sampled> {
        self.sampled.as_ref().filter(|sampled| decision.level >= sampled.from)
    }

    /// Whether anything of a decision goes out.
    pub(crate) fn tells(&self, decision: Decision) -> bool {
        self.when_off || decision != Decision::OFF
    }
}

/// The value of the header for flags; `None` if there are none.
pub(crate) const fn flags(decision: Decision) -> Option<&'static str> {
    match (decision.ring_buffer, decision.capture) {
        (true, true) => Some("ring_buffer,capture"),
        (true, false) => Some("ring_buffer"),
        (false, true) => Some("capture"),
        (false, false) => None,
    }
}

/// The id of the directive that decided.
pub(crate) fn decided_by(set: &DirectiveSet, decision: Decision) -> Option<&str> {
    decision.decided_by.and_then(|index| set.id(index))
}

/// A decision as access logs have it: what `aldis eval --format json` prints, as far as a filter knows it.
pub(crate) fn json(set: &DirectiveSet, decision: Decision, revision: Option<u64>) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        level: &'static str,
        ring_buffer: bool,
        capture: bool,
        decided_by: Option<&'a str>,
        revision: Option<u64>,
    }
    let line = Line {
        level: decision.level.as_str(),
        ring_buffer: decision.ring_buffer,
        capture: decision.capture,
        decided_by: decided_by(set, decision),
        revision,
    };
    serde_json::to_string(&line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use aldis_core::{DirectiveIndex, UnixMillis};

    use super::*;

    #[test]
    fn a_decision_reads_as_the_command_prints_it() {
        let document = br#"{"directives":[{"id":"a \"b\"","level":"Shape","ttl_secs":60}]}"#;
        let set = DirectiveSet::decode(document, UnixMillis::new(0)).expect("is a document");
        let decision = Decision {
            level: DiagLevel::Shape,
            ring_buffer: true,
            capture: false,
            decided_by: Some(DirectiveIndex::new(0)),
        };
        assert_eq!(
            json(&set, decision, Some(12)),
            r#"{"level":"Shape","ring_buffer":true,"capture":false,"decided_by":"a \"b\"","revision":12}"#,
        );
        assert_eq!(
            json(&set, Decision::OFF, None),
            r#"{"level":"Off","ring_buffer":false,"capture":false,"decided_by":null,"revision":null}"#,
        );
    }

    #[test]
    fn flags_are_named_and_none_have_no_header() {
        let flagged = |ring_buffer, capture| flags(Decision { ring_buffer, capture, ..Decision::OFF });
        assert_eq!(flagged(true, true), Some("ring_buffer,capture"));
        assert_eq!(flagged(true, false), Some("ring_buffer"));
        assert_eq!(flagged(false, true), Some("capture"));
        assert_eq!(flagged(false, false), None);
    }
}
