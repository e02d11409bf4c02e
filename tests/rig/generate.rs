//! Directives and requests at random, out of small vocabularies, so that they often match, often just miss, and often
//! several apply at once. All times lie within a few milliseconds of [`NOW`].

use std::borrow::Cow;

use aldis_core::{
    DiagLevel, Directive, EndpointKind, EndpointSet, SampleBy, Sampling, StrList, Target, UnixMillis,
};
use proptest::collection::{SizeRange, vec};
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::{Index, select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::vectors::{Pairs, Request};

/// The point in time around which everything begins and ends.
pub const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);

/// Texts whose order, case, normal form and length are easy to confuse.
const TEXTS: &[&str] = &["a", "b", "A", "ab", "\u{e9}", "e\u{301}"];
const LABEL_NAMES: &[&str] = &["env", "zone", "tenant"];
const LABEL_VALUES: &[&str] = &["a", "b"];
const ENDPOINTS: &[EndpointKind] = &[EndpointKind::Search, EndpointKind::Count, EndpointKind::Unknown];

/// Directives in document order, their ids distinct.
pub fn directives(count: impl Into<SizeRange>) -> impl Strategy<Value = Vec<Directive<'static>>> {
    vec(directive(), count).prop_map(|mut directives| {
        for (place, directive) in directives.iter_mut().enumerate() {
            directive.id = Cow::Owned(format!("d{place}"));
        }
        directives
    })
}

/// One directive; its id is `d`.
pub fn directive() -> impl Strategy<Value = Directive<'static>> {
    let flags = (any::<bool>(), any::<bool>(), select(&[false, false, false, false, false, false, true][..]));
    (select(DiagLevel::ALL), lifetime(), target(), sampling(), flags).prop_map(
        |(level, (not_before, expires_at), target, sampling, (ring_buffer, capture, suppress))| Directive {
            id: Cow::Borrowed("d"),
            level: if suppress { DiagLevel::Off } else { level },
            not_before,
            expires_at,
            target,
            sampling,
            ring_buffer,
            capture,
            suppress,
        },
    )
}

/// Begin and end.
fn lifetime() -> impl Strategy<Value = (Option<UnixMillis>, UnixMillis)> {
    // A begin at the epoch says nothing, and is still there when the directive is read back.
    let given = prop_oneof![4 => near(), 1 => Just(UnixMillis::new(0))];
    let begin = prop_oneof![3 => Just(None), 1 => given.prop_map(Some)];
    let later = NOW.saturating_add_secs(10);
    (begin, prop_oneof![4 => Just(later), 1 => near()])
}

/// A point within a millisecond of [`NOW`].
pub fn near() -> impl Strategy<Value = UnixMillis> {
    (NOW.as_u64() - 1..=NOW.as_u64() + 1).prop_map(UnixMillis::new)
}

fn target() -> impl Strategy<Value = Target<'static>> {
    let endpoints = prop_oneof![2 => Just(Vec::new()), 1 => subsequence(ENDPOINTS, 1..=2)];
    let labels = prop_oneof![3 => Just(Vec::new()), 2 => labels()];
    (list(), list(), list(), endpoints, labels).prop_map(
        |(tenants, indices, principals, endpoints, labels)| Target {
            tenants,
            indices,
            principals,
            endpoints: endpoints.into_iter().collect::<EndpointSet>(),
            labels,
        },
    )
}

fn list() -> impl Strategy<Value = StrList<'static>> {
    let texts = vec(select(TEXTS).prop_map(Cow::Borrowed), 2..=3);
    prop_oneof![
        4 => Just(StrList::Any),
        2 => select(TEXTS).prop_map(|text| StrList::One(Cow::Borrowed(text))),
        1 => texts.prop_map(StrList::AnyOf),
    ]
}

/// Labels with distinct names, in any order.
fn labels() -> impl Strategy<Value = Vec<(Cow<'static, str>, Cow<'static, str>)>> {
    let names = subsequence(LABEL_NAMES, 1..=LABEL_NAMES.len()).prop_shuffle();
    (names, vec(select(LABEL_VALUES), LABEL_NAMES.len())).prop_map(|(names, values)| {
        names.into_iter().zip(values).map(|(name, value)| (name.into(), value.into())).collect()
    })
}

fn sampling() -> impl Strategy<Value = Sampling<'static>> {
    let rate = prop_oneof![3 => Just(1000), 1 => Just(0), 3 => 1..1000_u16];
    let salt = prop_oneof![2 => Just(None), 1 => select(&["", "s", "\0"][..]).prop_map(Some)];
    (rate, select(SampleBy::ALL), salt).prop_map(|(per_mille, by, salt)| Sampling {
        per_mille,
        by,
        salt: salt.map(Cow::Borrowed),
    })
}

/// A request: each fact may be missing, and a label may be given twice.
pub fn request() -> impl Strategy<Value = Request> {
    let fact = || option::weighted(0.8, select(TEXTS).prop_map(str::to_string));
    let key = || option::weighted(0.8, (0..2000_u16).prop_map(|number| format!("r{number}")));
    let endpoint = option::weighted(0.8, select(ENDPOINTS).prop_map(|kind| kind.to_string()));
    let label = (select(LABEL_NAMES), select(LABEL_VALUES)).prop_map(|(n, v)| (n.to_string(), v.to_string()));
    (fact(), fact(), fact(), endpoint, key(), key(), vec(label, 0..=4)).prop_map(
        |(tenant, index, principal, endpoint, request_id, trace_id, labels)| Request {
            tenant,
            index,
            principal,
            endpoint,
            request_id,
            trace_id,
            labels: Pairs(labels),
        },
    )
}

/// Where a mutation strikes, and how.
pub fn strikes() -> impl Strategy<Value = Vec<(Index, u8)>> {
    vec((any::<Index>(), any::<u8>()), 1..=4)
}

/// What a strategy gives for a seed: the same for ever. For sizes that are too large to shrink.
pub fn seeded<S: Strategy>(strategy: &S, seed: u8) -> S::Value {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    strategy.new_tree(&mut runner).expect("the strategy rejects nothing").current()
}
