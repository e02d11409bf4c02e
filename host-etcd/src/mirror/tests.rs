//! Last good, first seen, one snapshot for one transaction.

mod anchors;
mod late;
mod restart;
mod room;

use std::time::Duration;

use aldis_core::{Reason, UnixMillis};

use super::{Digest, Mirror, Outcome, RefusalCause};
use crate::clock::Moment;
use crate::kv::{Header, Key, KvEntry, KvUpdate, Listing, Revision};

const NOON: u64 = 1_800_000_000_000;

fn at(millis: u64) -> Moment {
    Moment { at: UnixMillis::new(NOON + millis), lead: Duration::ZERO }
}

/// A document of one directive that lasts for so many seconds.
fn document(id: &str, ttl_secs: u64) -> String {
    format!(r#"{{"directives":[{{"id":"{id}","level":"Shape","ttl_secs":{ttl_secs},"tenant":"{id}"}}]}}"#)
}

fn entry(key: &str, revision: u64, value: &str) -> KvEntry {
    KvEntry { key: key.into(), value: value.to_owned().into(), mod_revision: Revision::new(revision) }
}

fn listing(revision: u64, entries: &[(&str, u64, &str)]) -> Listing {
    Listing {
        header: Header { cluster_id: 7, revision: Revision::new(revision) },
        entries: entries.iter().map(|(key, at, value)| entry(key, *at, value)).collect(),
    }
}

fn put(mirror: &mut Mirror, revision: u64, puts: &[(&str, &str)], now: Moment) -> Outcome {
    let events = puts.iter().map(|(key, value)| KvUpdate::Put(entry(key, revision, value))).collect();
    mirror.change(Revision::new(revision), events, now)
}

fn delete(mirror: &mut Mirror, revision: u64, key: &str) -> Outcome {
    let mod_revision = Revision::new(revision);
    mirror.change(mod_revision, vec![KvUpdate::Delete { key: key.into(), mod_revision }], at(0))
}

fn ids(mirror: &Mirror) -> Vec<String> {
    let set = &mirror.snapshot().expect("has been listed").set;
    set.iter().map(|directive| directive.id.into_owned()).collect()
}

fn end(mirror: &Mirror) -> u64 {
    mirror.snapshot().expect("has been listed").set.latest_expiry().expect("is not empty").as_u64() - NOON
}

#[test]
fn documents_are_merged_in_key_order_and_swap_in_whole() {
    let mut mirror = Mirror::new();
    assert!(mirror.snapshot().is_none());
    let outcome =
        mirror.replace(listing(9, &[("b", 4, &document("two", 9)), ("a", 9, &document("one", 9))]), at(0));
    let snapshot = outcome.snapshot.expect("the first list always makes one");
    assert_eq!(
        (snapshot.revision, ids(&mirror)),
        (Revision::new(9), vec!["one".to_owned(), "two".to_owned()])
    );
    let outcome = put(&mut mirror, 12, &[("c", &document("three", 9)), ("a", &document("uno", 9))], at(0));
    assert_eq!(outcome.snapshot.expect("one transaction, one snapshot").revision, Revision::new(12));
    assert_eq!(ids(&mirror), ["uno", "two", "three"]);
    mirror.replace(listing(20, &[("c", 12, &document("three", 9))]), at(0));
    assert_eq!(ids(&mirror), ["three"], "what a list does not hold is gone");
}

#[test]
fn an_empty_scope_is_a_snapshot_too() {
    let mut mirror = Mirror::new();
    let snapshot = mirror.replace(listing(3, &[]), at(0)).snapshot.expect("now it is known to be empty");
    assert!(snapshot.set.is_empty());
    assert_eq!(
        snapshot.digest.to_string(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}

#[test]
fn nothing_new_makes_no_snapshot() {
    let mut mirror = Mirror::new();
    let list = listing(9, &[("a", 4, &document("one", 9)), ("b", 5, "malformed")]);
    assert_eq!(mirror.replace(list.clone(), at(0)).refused.len(), 1);
    for again in [
        mirror.replace(list.clone(), at(50)),
        mirror.replace(Listing { entries: list.entries, ..listing(80, &[]) }, at(90)),
    ] {
        assert!(again.snapshot.is_none() && again.refused.is_empty() && again.repaired == 0);
    }
    assert!(delete(&mut mirror, 81, "unknown").snapshot.is_none());
    assert!(put(&mut mirror, 82, &[("c", "malformed")], at(0)).snapshot.is_none());
    assert!(delete(&mut mirror, 83, "c").snapshot.is_none(), "it was never in force");
}

#[test]
fn a_malformed_document_keeps_its_keys_last_good_one_and_is_on_show() {
    let mut mirror = Mirror::new();
    mirror.replace(listing(9, &[("a", 4, &document("one", 9)), ("b", 5, &document("two", 9))]), at(0));
    let outcome =
        put(&mut mirror, 10, &[("a", r#"{"directives":[{"id":"x"}]}"#), ("b", &document("due", 9))], at(0));
    assert_eq!(ids(&mirror), ["one", "due"], "other keys go on");
    let (key, refusal) = outcome.refused.first().expect("is refused");
    assert_eq!((key, refusal.revision), (&Key::from("a"), Revision::new(10)));
    assert!(
        matches!(&refusal.cause, RefusalCause::Document(error) if error.reason() == Reason::MissingLevel)
    );
    assert_eq!(mirror.refusals().count(), 1);

    put(&mut mirror, 11, &[("a", &document("uno", 9))], at(0));
    assert_eq!((ids(&mirror), mirror.refusals().count()), (vec!["uno".to_owned(), "due".to_owned()], 0));

    put(&mut mirror, 12, &[("a", "malformed")], at(0));
    delete(&mut mirror, 13, "a");
    assert_eq!(
        (ids(&mirror), mirror.refusals().count()),
        (vec!["due".to_owned()], 0),
        "gone with its refusal"
    );
}

#[test]
fn malformed_at_the_start_is_an_empty_set_with_its_refusal_on_show() {
    let mut mirror = Mirror::new();
    let outcome = mirror.replace(listing(9, &[("a", 4, "{")]), at(0));
    assert!(outcome.snapshot.expect("has been read").set.is_empty());
    assert_eq!(mirror.refusals().count(), 1);
}

#[test]
fn another_incarnation_makes_a_snapshot_even_of_the_same_documents() {
    let mut mirror = Mirror::new();
    let one = document("one", 60);
    mirror.replace(listing(9, &[("a", 4, &one)]), at(0));
    let snapshot =
        mirror.replace(listing(5, &[("a", 4, &one)]), at(0)).snapshot.expect("its revision has gone back");
    assert_eq!(snapshot.revision, Revision::new(5));
}

#[test]
fn a_verifying_list_repairs_what_differs_and_leaves_later_changes_alone() {
    let mut mirror = Mirror::new();
    let (one, two) = (document("one", 60), document("two", 60));
    mirror.replace(listing(9, &[("a", 4, &one), ("b", 5, &two)]), at(0));
    let same = mirror.verify(listing(10, &[("a", 4, &one), ("b", 5, &two)]), &[].into(), at(0));
    assert!(same.repaired == 0 && same.snapshot.is_none());
    put(&mut mirror, 12, &[("c", &document("three", 60))], at(0));
    // At 11, `a` was changed, `b` deleted and `d` put without us hearing of it.
    let list = listing(11, &[("a", 11, &two), ("d", 11, &document("four", 60))]);
    let outcome = mirror.verify(list, &["c".into()].into(), at(0));
    assert_eq!((outcome.repaired, ids(&mirror)), (3, ["two", "three", "four"].map(str::to_owned).to_vec()));
    assert!(outcome.snapshot.is_some());
}

#[test]
fn what_readers_see_never_goes_back_though_a_verifying_list_is_older() {
    let mut mirror = Mirror::new();
    let (one, two) = (document("one", 60), document("two", 60));
    mirror.replace(listing(5, &[]), at(0));
    // The watch has lost the change at 6, and has brought the one at 8 before the list at 7 arrives.
    put(&mut mirror, 8, &[("b", &two)], at(0));
    let outcome = mirror.verify(listing(7, &[("a", 6, &one)]), &["b".into()].into(), at(0));
    assert_eq!(outcome.repaired, 1);
    assert_eq!(outcome.snapshot.expect("repaired").revision, Revision::new(8));
    assert_eq!(ids(&mirror), ["one", "two"]);
}

#[test]
fn a_restored_cluster_makes_a_snapshot_though_it_is_ahead_of_the_last_list() {
    let mut mirror = Mirror::new();
    let one = document("one", 60);
    mirror.replace(listing(5, &[("a", 3, &one)]), at(0));
    put(&mut mirror, 8, &[("a", &one)], at(0));
    let outcome = mirror.replace(listing(7, &[("a", 8, &one)]), at(0));
    assert_eq!(outcome.snapshot.expect("another incarnation").revision, Revision::new(7));
}

#[test]
fn a_digest_does_not_run_documents_together() {
    let digest = |documents: &[(&str, &str)]| {
        Digest::of(documents.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes())))
    };
    let different = [
        digest(&[]),
        digest(&[("", "")]),
        digest(&[("a", "bc")]),
        digest(&[("ab", "c")]),
        digest(&[("a", "b"), ("c", "")]),
        digest(&[("a", ""), ("b", "c")]),
    ];
    for (place, one) in different.iter().enumerate() {
        assert!(!different.iter().skip(place + 1).any(|other| other == one));
    }
}

#[test]
fn transactions_at_hand_together_come_to_what_they_come_to_one_by_one() {
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let [mut one_by_one, mut together] = [Mirror::new(), Mirror::new()];
        for mirror in [&mut one_by_one, &mut together] {
            mirror.replace(listing(1, &[("a", 1, &document("a", 9))]), at(0));
        }
        let mut transactions = Vec::new();
        for revision in (2..30).map(Revision::new) {
            let key = *random.choice(&["a", "b", "c"]).expect("some");
            let value = if random.u8(0..3) == 0 { "{".to_owned() } else { document(key, random.u64(9..99)) };
            let event = match random.u8(0..4) {
                0 => KvUpdate::Delete { key: key.into(), mod_revision: revision },
                _ => KvUpdate::Put(entry(key, revision.as_u64(), &value)),
            };
            transactions.push((revision, vec![event]));
        }
        let mut refused = Vec::new();
        for (revision, events) in transactions.clone() {
            refused.extend(one_by_one.change(revision, events, at(0)).refused);
        }
        let outcome = together.changes(transactions, at(0));
        assert_eq!(outcome.refused, refused, "seed {seed}: none is passed over in silence");
        assert!(outcome.snapshot.is_none_or(|made| made.revision == Revision::new(29)));
        let [one, other] = [&one_by_one, &together].map(|mirror| mirror.snapshot().expect("listed"));
        assert_eq!((one.digest, &one.set), (other.digest, &other.set), "seed {seed}");
        assert!(one_by_one.refusals().eq(together.refusals()), "seed {seed}");
    }
}

#[test]
fn what_a_panic_has_kept_from_being_made_is_made_with_the_next_list() {
    let mut mirror = Mirror::new();
    mirror.replace(listing(9, &[("a", 4, &document("one", 9))]), at(0));
    // As far as a step comes that panics while it makes the snapshot.
    mirror.put(entry("a", 10, &document("two", 9)), at(0));
    assert_eq!((ids(&mirror).as_slice(), mirror.record()), (["one".to_owned()].as_slice(), None));
    let outcome = mirror.replace(listing(10, &[("a", 10, &document("two", 9))]), at(0));
    assert_eq!((outcome.snapshot.is_some(), ids(&mirror)), (true, vec!["two".to_owned()]));
    assert!(mirror.record().is_some());
}
