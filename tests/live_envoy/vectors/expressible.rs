//! Which decisions of the vectors can be put as a request to Envoy. All others are left out, each for a reason that is
//! counted, and that a value has to meet in full.

use std::collections::BTreeMap;

use aldis_core::{DirectiveSet, UnixMillis};
use rig::vectors::{Case, Decided, Request};

/// A moment of a vector must last so long, in milliseconds, for Envoy's clock goes on: no directive may begin or end within.
pub(super) const STILL_MS: u64 = 10_000;

/// The labels that are mapped, as many as a configuration may have: those that vectors ask for most.
pub(super) const LABELS: [&str; 16] = [
    "env",
    "nve",
    "n",
    "x",
    "",
    "k8s.io/app name",
    "Env",
    "y",
    "tenant",
    "health",
    "zone",
    "a",
    "name0",
    "name1",
    "name2",
    "name3",
];

/// Bytes of one value. All headers together may have 60 KiB in Envoy.
const MAX_VALUE: usize = 16 << 10;

/// The cases with the decisions that can be put through, and how many cannot, for each reason.
pub(super) fn expressible(cases: Vec<Case>) -> (Vec<Case>, BTreeMap<&'static str, usize>) {
    let mut skipped = BTreeMap::new();
    let cases = cases.into_iter().filter_map(|mut case| {
        let decisions = case.vector.decisions.take()?;
        let anchor = case.vector.anchor();
        let set = DirectiveSet::decode(&case.vector.body(), anchor).expect("decides, so it is a document");
        let mut kept = Vec::new();
        for decided in decisions {
            match obstacle(&set, &decided, anchor) {
                Some(why) => *skipped.entry(why).or_insert(0) += 1,
                None => kept.push(decided),
            }
        }
        case.vector.decisions = (!kept.is_empty()).then_some(kept);
        case.vector.decisions.is_some().then_some(case)
    });
    (cases.collect(), skipped)
}

/// Why a decision cannot be put through; `None` if it can.
fn obstacle(set: &DirectiveSet, decided: &Decided, anchor: UnixMillis) -> Option<&'static str> {
    let now = decided.now.map_or(anchor, UnixMillis::new).as_u64();
    let soon = |point: UnixMillis| point.as_u64() > now && point.as_u64() <= now.saturating_add(STILL_MS);
    let mut edges = set.iter().flat_map(|directive| [Some(directive.expires_at), directive.not_before]);
    if edges.any(|edge| edge.is_some_and(soon)) {
        return Some("something begins or ends within seconds");
    }
    if !decided.request.labels.0.iter().all(|(name, _)| LABELS.contains(&name.as_str())) {
        return Some("a label beyond those that are mapped");
    }
    let decided_by = decided.decision.decided_by.iter();
    let mut values = texts(&decided.request).chain(decided_by.map(String::as_str));
    values.find_map(unfit)
}

fn texts(request: &Request) -> impl Iterator<Item = &str> {
    let facts = [
        &request.tenant,
        &request.index,
        &request.principal,
        &request.endpoint,
        &request.request_id,
        &request.trace_id,
    ];
    let labels = request.labels.0.iter().map(|(_, value)| value.as_str());
    facts.into_iter().flatten().map(String::as_str).chain(labels)
}

/// Why a text cannot be the value of a header. RFC 9110, section 5.5, allows no control characters, and has blanks at either
/// end cut off.
fn unfit(text: &str) -> Option<&'static str> {
    let is_control = |byte: u8| byte.is_ascii_control() && byte != b'\t';
    match text {
        text if text.bytes().any(is_control) => Some("a control character"),
        text if text.trim_matches([' ', '\t']) != text => Some("a blank at an end"),
        text if text.len() > MAX_VALUE => Some("a value of more than 16 KiB"),
        _ => None,
    }
}
