//! What a mirror that is made from a record has in common with the one that it is the record of: everything.

use std::sync::Arc;

use aldis_core::CompileError;

use super::{at, delete, document, end, ids, listing, put};
use crate::kv::{Key, Revision};
use crate::mirror::{Mirror, RefusalCause, Version};

fn restarted(mirror: &Mirror) -> Mirror {
    Mirror::restore(mirror.record().expect("has been listed"))
}

#[test]
fn nothing_is_recorded_before_the_scope_was_read() {
    assert!(Mirror::new().record().is_none());
}

#[test]
fn a_restart_keeps_anchors_and_the_list_after_it_changes_nothing() {
    let mut mirror = Mirror::new();
    let list = listing(9, &[("a", 4, &document("one", 60)), ("b", 9, &document("two", 30))]);
    mirror.replace(list.clone(), at(0));
    let mut after = restarted(&mirror);
    assert_eq!(after.snapshot(), mirror.snapshot());
    assert!(after.replace(list, at(50_000)).snapshot.is_none());
    assert_eq!(end(&after), 60_000);
    put(&mut after, 10, &[("a", &document("one", 60))], at(50_000));
    assert_eq!(end(&after), 110_000, "published anew");
}

#[test]
fn a_refused_value_is_known_as_refused_and_the_last_good_one_stays() {
    let mut mirror = Mirror::new();
    let good = document("one", 60);
    mirror.replace(listing(9, &[("a", 4, &good), ("b", 5, "never good")]), at(0));
    put(&mut mirror, 10, &[("a", "malformed")], at(10_000));
    let mut after = restarted(&mirror);
    assert_eq!((ids(&after), end(&after)), (vec!["one".to_owned()], 60_000));
    let refused: Vec<_> = after.refusals().map(|(key, refusal)| (key.clone(), refusal.revision)).collect();
    assert_eq!(refused, [(Key::from("a"), Revision::new(10)), (Key::from("b"), Revision::new(5))]);
    let same = after.replace(listing(12, &[("a", 10, "malformed"), ("b", 5, "never good")]), at(20_000));
    assert!(same.snapshot.is_none() && same.refused.is_empty());
    // It was deleted while nothing ran: gone with its refusal.
    after.replace(listing(13, &[("b", 5, "never good")]), at(20_000));
    assert_eq!((ids(&after).len(), after.refusals().count()), (0, 1));
}

#[test]
fn versions_that_were_gone_before_the_restart_are_remembered_after_it() {
    let mut mirror = Mirror::new();
    let old = listing(9, &[("a", 4, &document("one", 60))]);
    mirror.replace(old.clone(), at(0));
    delete(&mut mirror, 10, "a");
    let mut after = restarted(&restarted(&mirror));
    after.replace(old, at(90_000));
    assert_eq!(end(&after), 60_000, "restored from a backup: what had ended stays so");
}

#[test]
fn a_scope_that_went_back_meanwhile_makes_a_snapshot() {
    let mut mirror = Mirror::new();
    let one = document("one", 60);
    mirror.replace(listing(9, &[("a", 4, &one)]), at(0));
    put(&mut mirror, 20, &[("b", "malformed")], at(0));
    let outcome = restarted(&mirror).replace(listing(19, &[("a", 4, &one)]), at(0));
    assert_eq!(outcome.snapshot.expect("19 is behind 20").revision, Revision::new(19));
}

#[test]
fn without_its_image_or_with_one_that_says_less_the_documents_are_compiled() {
    let mut mirror = Mirror::new();
    mirror.replace(listing(9, &[("a", 4, &document("one", 60)), ("b", 9, &document("two", 30))]), at(0));
    let mut record = mirror.record().expect("listed");
    record.set = None;
    assert_eq!(Mirror::restore(record.clone()).snapshot(), mirror.snapshot());

    // Another version of Aldis took what this one does not.
    record.set = Some(Arc::clone(&mirror.snapshot().expect("listed").set));
    let kept = record.keys.get_mut(&Key::from("a")).expect("known");
    let Version { revision, first_seen, .. } = kept.newest;
    kept.newest = Version::new(&"a".into(), revision, b"only then"[..].into(), first_seen);
    kept.good = Some(kept.newest.clone());
    let after = Mirror::restore(record);
    assert_eq!((ids(&after), after.refusals().count()), (vec!["two".to_owned()], 1));
}

#[test]
fn what_did_not_fit_is_judged_again() {
    let mut mirror = Mirror::new();
    mirror.replace(listing(9, &[("a", 4, &document("one", 60))]), at(0));
    put(&mut mirror, 10, &[("a", &document("two", 60))], at(1_000));
    // As if there had been no room for it.
    let mut record = mirror.record().expect("listed");
    let kept = record.keys.get_mut(&Key::from("a")).expect("known");
    let value = document("one", 60).into_bytes();
    kept.good = Some(Version::new(&"a".into(), Revision::new(4), value.into(), at(0)));
    record.set = None;
    let after = Mirror::restore(record);
    assert_eq!((ids(&after), end(&after)), (vec!["two".to_owned()], 61_000));
    let together = RefusalCause::Together(CompileError::TooLarge);
    assert!(after.refusals().all(|(_, refusal)| refusal.cause != together));
}
