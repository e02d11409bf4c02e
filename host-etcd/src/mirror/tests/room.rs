//! More than fits into one set.

use aldis_core::CompileError;

use super::{at, delete, document, ids, listing, put};
use crate::mirror::{Mirror, RefusalCause};

#[test]
fn what_is_too_large_together_is_refused_from_the_latest_on() {
    let keys = ["a", "b", "c", "d", "e", "f"];
    let values = keys.map(huge);
    let entries: Vec<_> = keys
        .iter()
        .zip(&values)
        .zip([13, 14, 11, 16, 12, 15])
        .map(|((key, value), at)| (*key, at, value.as_str()))
        .collect();
    let mut mirror = Mirror::new();
    let outcome = mirror.replace(listing(20, &entries), at(0));
    let refused: Vec<String> = outcome.refused.iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(refused, ["d"], "the latest");
    assert!(
        matches!(mirror.refusals().next(), Some((_, refusal)) if refusal.cause == RefusalCause::Together(CompileError::TooLarge))
    );
    assert_eq!(mirror.snapshot().expect("listed").set.len(), 1000);
    // What it would have replaced stays, and once there is room it can be published again.
    put(&mut mirror, 21, &[("d", &document("small", 9))], at(0));
    assert_eq!(mirror.snapshot().expect("listed").set.len(), 1001);
    assert_eq!(put(&mut mirror, 22, &[("d", &values[3])], at(0)).refused.len(), 1);
    assert_eq!(mirror.snapshot().expect("listed").set.len(), 1001);
}

#[test]
fn one_document_that_does_not_fit_keeps_no_later_one_out_neither_now_nor_after_a_restart() {
    let (huge, small) = (["a", "b", "c", "d", "e", "f", "g"].map(huge), document("small", 9));
    let mut entries: Vec<_> = ["a", "b", "c", "d", "e", "f", "g"]
        .iter()
        .zip(&huge)
        .zip(11..)
        .map(|((key, value), at)| (*key, at, value.as_str()))
        .collect();
    entries.insert(6, ("fa", 18, &small));
    entries.push(("h", 16, &small));
    let refused =
        |mirror: &Mirror| -> Vec<String> { mirror.refusals().map(|(key, _)| key.to_string()).collect() };
    let mut seen_one_by_one = Mirror::new();
    seen_one_by_one.replace(listing(10, &[]), at(0));
    let mut in_order = entries.clone();
    in_order.sort_by_key(|(_, at, _)| *at);
    for (key, revision, value) in in_order {
        put(&mut seen_one_by_one, revision, &[(key, value)], at(0));
    }
    assert_eq!(refused(&seen_one_by_one), ["f", "g"]);
    let mut listed_at_once = Mirror::new();
    listed_at_once.replace(listing(20, &entries), at(0));
    assert_eq!(refused(&listed_at_once), ["f", "g"]);
    let [one, other] = [&seen_one_by_one, &listed_at_once].map(|mirror| mirror.snapshot().expect("listed"));
    assert_eq!((one.digest, &one.set), (other.digest, &other.set));
}

#[test]
fn room_that_comes_free_is_given_to_what_was_refused_for_want_of_it() {
    let huge = ["a", "b", "c", "d", "e", "f"].map(huge);
    let entries: Vec<_> = ["a", "b", "c", "d", "e", "f"].into_iter().zip(11..).zip(&huge).collect();
    let entries: Vec<_> = entries.into_iter().map(|((key, at), value)| (key, at, value.as_str())).collect();
    let mut mirror = Mirror::new();
    assert_eq!(mirror.replace(listing(20, &entries), at(0)).refused.len(), 1);
    let outcome = put(&mut mirror, 21, &[("g", &document("small", 9))], at(0));
    assert_eq!((outcome.refused.len(), mirror.refusals().count()), (0, 1), "told once, and still so");
    let outcome = delete(&mut mirror, 22, "a");
    assert_eq!((outcome.refused.len(), mirror.refusals().count()), (0, 0));
    assert!(ids(&mirror).contains(&"f0".to_owned()), "as an instance shows it that starts now");
}

/// 200 directives of 64 x 16 targets: 204 800 entries, of which a set takes about a million.
fn huge(id: &str) -> String {
    let list = |prefix: &str, count: usize| {
        let values: Vec<String> = (0..count).map(|n| format!(r#""{prefix}{n}""#)).collect();
        values.join(",")
    };
    let (tenants, indices) = (list("t", 64), list("i", 16));
    let directives: Vec<String> = (0..200)
        .map(|n| format!(r#"{{"id":"{id}{n}","level":"Shape","ttl_secs":9,"tenants":[{tenants}],"indices":[{indices}]}}"#))
        .collect();
    format!(r#"{{"directives":[{}]}}"#, directives.join(","))
}
