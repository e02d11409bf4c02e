//! What was known before a restart comes late, and comes to the same as if it had been there from the start.

use std::time::Duration;

use super::{at, delete, document, end, entry, ids, listing, put};
use crate::clock::Moment;
use crate::kv::KvUpdate;
use crate::mirror::Mirror;

/// One good key, one refused with a last good version, one that is gone, and a list of what is there now.
fn before() -> Mirror {
    let mut mirror = Mirror::new();
    let list =
        [("a", 4, &*document("one", 60)), ("b", 5, &document("two", 60)), ("c", 6, &document("gone", 60))];
    mirror.replace(listing(9, &list), at(0));
    put(&mut mirror, 10, &[("b", "malformed")], at(1_000));
    delete(&mut mirror, 11, "c");
    mirror
}

fn present() -> crate::kv::Listing {
    listing(20, &[("a", 4, &document("one", 60)), ("b", 10, "malformed"), ("d", 15, &document("new", 60))])
}

#[test]
fn what_comes_late_comes_to_the_same_as_what_came_in_time() {
    let mut in_time = before();
    in_time.replace(present(), at(50_000));
    let mut late = Mirror::new();
    late.replace(present(), at(50_000));
    assert_eq!((ids(&late), end(&late)), (vec!["one".to_owned(), "new".to_owned()], 110_000));
    late.adopt(before(), at(52_000));
    let told = late.catch_up(at(53_000)).snapshot.expect("it is handed out");
    assert_eq!(late.snapshot(), Some(&told));
    assert_eq!(told, *in_time.snapshot().expect("is there"));
    assert!(late.catch_up(at(53_000)).snapshot.is_none(), "once");
    assert!(late.refusals().eq(in_time.refusals()));
    // What was gone before the restart, and comes back, goes on as well.
    for mirror in [&mut in_time, &mut late] {
        let back = KvUpdate::Put(entry("c", 6, &document("gone", 60)));
        mirror.change(crate::kv::Revision::new(21), vec![back], at(90_000));
    }
    assert_eq!(late.snapshot(), in_time.snapshot());
}

#[test]
fn what_comes_before_the_first_list_is_not_late() {
    let mut mirror = Mirror::new();
    mirror.adopt(before(), at(50_000));
    assert_eq!((ids(&mirror), end(&mirror)), (vec!["one".to_owned(), "two".to_owned()], 60_000));
    assert!(mirror.catch_up(at(50_000)).snapshot.is_none(), "nothing is in force before a list");
}

#[test]
fn what_has_gone_since_the_start_counts_from_before_it_too() {
    let mut late = Mirror::new();
    late.replace(present(), at(50_000));
    delete(&mut late, 21, "a");
    late.adopt(before(), at(52_000));
    late.replace(listing(22, &[("a", 4, &document("one", 60))]), at(90_000));
    assert_eq!(end(&late), 60_000);
}

#[test]
fn a_clock_that_is_put_forward_by_what_comes_late_moves_no_end() {
    let absolute =
        r#"{"directives":[{"id":"x","level":"Shape","tenant":"x","expires_at":"2027-01-15T08:02:00Z"}]}"#;
    let mut mirror = Mirror::new();
    mirror.replace(listing(9, &[("a", 4, absolute)]), at(0));
    let (was, hour) = (end(&mirror), 3_600_000);
    assert_eq!(was, 120_000);
    mirror.shift(Duration::from_millis(hour));
    assert_eq!(end(&mirror), hour + was, "by the clock that is an hour ahead now");
    // As if it had been ahead from the start.
    let ahead = Moment { lead: Duration::from_millis(hour), ..at(hour) };
    let mut from_the_start = Mirror::new();
    from_the_start.replace(listing(9, &[("a", 4, absolute)]), ahead);
    assert_eq!(mirror.record(), from_the_start.record());
    assert!(mirror.catch_up(ahead).snapshot.is_some(), "it is handed out");
}
