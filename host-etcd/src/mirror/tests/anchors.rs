//! From when lifetimes count.

use std::time::Duration;

use aldis_core::UnixMillis;

use super::{NOON, at, delete, document, end, ids, listing, put};
use crate::clock::Moment;
use crate::kv::Revision;
use crate::mirror::Mirror;

#[test]
fn a_relative_lifetime_counts_from_when_its_revision_was_first_seen() {
    let mut mirror = Mirror::new();
    let list = listing(9, &[("a", 4, &document("one", 60))]);
    mirror.replace(list.clone(), at(0));
    for later in [10_000, 50_000, 70_000] {
        mirror.replace(list.clone(), at(later));
        assert_eq!(end(&mirror), 60_000, "no list moves it");
    }
    put(&mut mirror, 10, &[("a", &document("one", 60))], at(80_000));
    assert_eq!(end(&mirror), 140_000, "published anew, it starts anew");
}

#[test]
fn a_version_that_comes_back_goes_on_from_where_it_began() {
    let mut mirror = Mirror::new();
    let old = listing(9, &[("a", 4, &document("one", 60))]);
    mirror.replace(old.clone(), at(0));
    put(&mut mirror, 10, &[("a", &document("two", 60))], at(30_000));
    delete(&mut mirror, 11, "a");
    let outcome = mirror.replace(old, at(100_000));
    assert_eq!((ids(&mirror), end(&mirror)), (vec!["one".to_owned()], 60_000));
    assert!(outcome.snapshot.is_some());
    // The same revision of another incarnation, with another value, is another version.
    mirror.replace(listing(4, &[("a", 4, &document("other", 60))]), at(200_000));
    assert_eq!((ids(&mirror), end(&mirror)), (vec!["other".to_owned()], 260_000));
}

#[test]
fn what_arrives_while_the_clock_leads_is_translated() {
    // The wall clock says noon, the store's time is three hours on.
    let lead = Duration::from_secs(3 * 3600);
    let now = Moment { at: UnixMillis::new(NOON + 10_800_000), lead };
    let expires_at = UnixMillis::new(NOON + 60_000);
    let absolute = format!(
        r#"{{"directives":[{{"id":"a","level":"Shape","expires_at":"{expires_at}","not_before":"{}"}}]}}"#,
        UnixMillis::new(NOON)
    );
    let mut mirror = Mirror::new();
    mirror.replace(listing(9, &[("a", 4, &absolute)]), now);
    assert_eq!(end(&mirror), 10_860_000, "it has its minute");
    let set = &mirror.snapshot().expect("listed").set;
    let not_before = set.iter().next().expect("one").not_before.expect("is set");
    assert_eq!(not_before.as_u64(), NOON + 10_800_000);
    put(&mut mirror, 10, &[("a", &document("r", 60))], now);
    assert_eq!(end(&mirror), 10_860_000, "relative lifetimes need no translation");
    // Under a second it is as it is.
    let now = Moment { at: UnixMillis::new(NOON), lead: Duration::from_millis(999) };
    put(&mut mirror, 11, &[("a", &absolute)], now);
    assert_eq!(end(&mirror), 60_000);
}

#[test]
fn deleted_and_put_again_it_starts_anew_and_a_restore_brings_the_old_end_back() {
    let mut mirror = Mirror::new();
    let one = document("one", 60);
    let before = listing(9, &[("a", 4, &one)]);
    mirror.replace(before.clone(), at(0));
    delete(&mut mirror, 10, "a");
    put(&mut mirror, 11, &[("a", &one)], at(70_000));
    assert_eq!(end(&mirror), 130_000, "the same bytes at another revision");
    // Once more, but seen only by a list.
    mirror.replace(listing(15, &[("a", 14, &one)]), at(140_000));
    assert_eq!(end(&mirror), 200_000);
    mirror.replace(before, at(150_000));
    assert_eq!(end(&mirror), 60_000, "what had ended stays so");
}

#[test]
fn a_refused_version_that_comes_back_keeps_its_moment_too() {
    let mut mirror = Mirror::new();
    mirror.replace(listing(9, &[("a", 4, &document("one", 60))]), at(0));
    put(&mut mirror, 10, &[("a", "malformed")], at(1_000));
    put(&mut mirror, 11, &[("a", &document("two", 60))], at(2_000));
    let refused = mirror.replace(listing(10, &[("a", 10, "malformed")]), at(90_000)).refused;
    assert_eq!(refused.len(), 1);
    assert_eq!(
        (ids(&mirror), end(&mirror)),
        (vec!["two".to_owned()], 62_000),
        "last good is what was last good"
    );
}

#[test]
fn versions_that_are_gone_are_remembered_up_to_a_bound() {
    let mut mirror = Mirror::new();
    let one = document("one", 60);
    mirror.replace(listing(1, &[("a", 1, &one)]), at(0));
    for revision in 2..=3_000 {
        put(&mut mirror, revision, &[("a", &one)], at(revision));
    }
    assert_eq!(mirror.seen.iter().count(), 1_024);
    mirror.replace(listing(2_500, &[("a", 2_500, &one)]), at(100_000));
    assert_eq!(end(&mirror), 62_500, "within the last thousand");
    mirror.replace(listing(50, &[("a", 50, &one)]), at(100_000));
    assert_eq!(end(&mirror), 160_000, "long forgotten");
}

#[test]
fn a_scope_of_many_keys_can_be_replaced_and_come_back_whole() {
    let names: Vec<String> = (0..2_000).map(|number| format!("key{number:04}")).collect();
    let value = document("one", 60);
    let at_revision = |revision: u64| {
        let entries: Vec<_> = names.iter().map(|name| (name.as_str(), revision, value.as_str())).collect();
        listing(revision, &entries)
    };
    let mut mirror = Mirror::new();
    mirror.replace(at_revision(5), at(0));
    mirror.replace(at_revision(6), at(90_000));
    assert_eq!(end(&mirror), 150_000);
    mirror.replace(at_revision(5), at(100_000));
    assert_eq!(end(&mirror), 60_000, "every one of them has ended");
    mirror.replace(at_revision(6), at(200_000));
    assert_eq!(end(&mirror), 150_000);
    assert_eq!(mirror.seen.iter().count(), 4_000);
}

#[test]
fn going_back_behind_a_change_is_another_incarnation_though_the_list_before_was_older() {
    let mut mirror = Mirror::new();
    let list = listing(5, &[("a", 4, &document("one", 60))]);
    mirror.replace(list.clone(), at(0));
    put(&mut mirror, 20, &[("b", &document("two", 60))], at(0));
    delete(&mut mirror, 21, "b");
    let outcome = mirror.replace(listing(9, &[("a", 4, &document("one", 60))]), at(0));
    let snapshot = outcome.snapshot.expect("21 was delivered, 9 is behind it");
    assert_eq!(snapshot.revision, Revision::new(9));
    assert!(mirror.replace(listing(9, &[("a", 4, &document("one", 60))]), at(0)).snapshot.is_none());
}

/// The wall clock says noon and so many hours, the store's time ten hours past noon.
fn behind(hours: u64) -> Moment {
    let lead = Duration::from_secs((10 - hours) * 3_600);
    Moment { at: UnixMillis::new(NOON + 36_000_000), lead }
}

#[test]
fn when_the_wall_clock_comes_forward_translated_ends_come_nearer_by_as_much() {
    let mut mirror = Mirror::new();
    let expires_at = UnixMillis::new(NOON + 60_000);
    let absolute = format!(r#"{{"directives":[{{"id":"a","level":"Shape","expires_at":"{expires_at}"}}]}}"#);
    mirror.replace(listing(9, &[("a", 4, &absolute)]), behind(0));
    put(&mut mirror, 10, &[("r", &document("r", 7))], behind(0));
    assert_eq!(end(&mirror), 36_060_000);
    assert!(mirror.catch_up(behind(0)).snapshot.is_none());
    let almost = Moment { lead: Duration::from_millis(35_999_100), ..behind(0) };
    assert!(mirror.catch_up(almost).snapshot.is_none(), "under a second is as nothing");

    let digest = mirror.snapshot().expect("listed").digest;
    let snapshot = mirror.catch_up(behind(4)).snapshot.expect("four hours nearer");
    assert_eq!(snapshot.digest, digest, "the same documents");
    // A relative lifetime counts from its moment, whatever the wall clock says.
    let ends: Vec<u64> = snapshot.set.iter().map(|directive| directive.expires_at.as_u64() - NOON).collect();
    assert_eq!(ends, [21_660_000, 36_007_000]);

    mirror.catch_up(behind(0));
    assert_eq!(end(&mirror), 36_007_000, "a step back takes nothing back");
    mirror.catch_up(behind(10));
    let ends: Vec<u64> =
        mirror.snapshot().expect("listed").set.iter().map(|one| one.expires_at.as_u64() - NOON).collect();
    assert_eq!(ends, [60_000, 36_007_000], "as its author meant it");
}

#[test]
fn a_version_that_is_gone_loses_its_lead_as_well() {
    let mut mirror = Mirror::new();
    let expires_at = UnixMillis::new(NOON + 60_000);
    let absolute = format!(r#"{{"directives":[{{"id":"a","level":"Shape","expires_at":"{expires_at}"}}]}}"#);
    let list = listing(9, &[("a", 4, &absolute)]);
    mirror.replace(list.clone(), behind(0));
    delete(&mut mirror, 10, "a");
    mirror.catch_up(behind(10));
    mirror.replace(list, behind(0));
    assert_eq!(end(&mirror), 60_000);
}

#[test]
fn a_version_that_came_back_and_went_again_has_not_been_gone_longest() {
    let (mut mirror, short) = (Mirror::new(), document("short", 60));
    let other = document("other", 60);
    mirror.replace(listing(2, &[("a", 2, &short)]), at(0));
    put(&mut mirror, 3, &[("a", &other)], at(0));
    mirror.replace(listing(2, &[("a", 2, &short)]), at(0));
    let mut revision = 3;
    let mut replace_often = |mirror: &mut Mirror, times: u64| {
        for _ in 0..times {
            revision += 1;
            put(mirror, revision, &[("b", &other)], at(0));
        }
    };
    replace_often(&mut mirror, 1_000);
    delete(&mut mirror, 2_000, "a");
    replace_often(&mut mirror, 100);
    mirror.replace(listing(2, &[("a", 2, &short)]), at(3_600_000));
    assert_eq!(end(&mirror), 60_000);
}

#[test]
fn what_is_in_force_is_remembered_however_much_has_gone_since() {
    let (mut mirror, one) = (Mirror::new(), document("one", 60));
    mirror.replace(listing(1, &[("a", 1, &one)]), at(0));
    put(&mut mirror, 2, &[("a", "malformed")], at(10_000));
    for revision in 3..2_500 {
        put(&mut mirror, revision, &[("b", &document("other", revision))], at(10_000));
    }
    // The cluster comes back as it was before.
    mirror.replace(listing(1, &[("a", 1, &one)]), at(50_000));
    assert_eq!(end(&mirror), 60_000);
}

#[test]
fn what_a_verifying_list_shows_too_late_is_seen_all_the_same() {
    let (mut mirror, one) = (Mirror::new(), document("one", 60));
    mirror.replace(listing(3, &[]), at(0));
    // The watch has lost revision 4 and has brought 6; the list tells of 4, and is not to be applied there.
    put(&mut mirror, 6, &[("a", &document("other", 60))], at(1_000));
    mirror.verify(listing(5, &[("a", 4, &one)]), &["a".into()].into(), at(2_000));
    assert_eq!(ids(&mirror), ["other"]);
    // The cluster comes back as it was at 4.
    mirror.replace(listing(4, &[("a", 4, &one)]), at(50_000));
    assert_eq!(end(&mirror), 62_000);
}
