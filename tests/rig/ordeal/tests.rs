//! The known-bad twins of the judge and of the clock: what they must never overlook.

use aldis_core::{DirectiveSet, UnixMillis};

use super::*;

fn sight(ids: &str) -> Sight {
    Sight { revision: 5, ids: ids.to_owned(), off: Vec::new(), others: false }
}

/// An ordeal of a store that showed `one`, in which somebody sees these, one after the other, while `two` and nothing
/// are published.
fn seen(sights: impl IntoIterator<Item = Sight>) -> Arc<Ordeal> {
    let ordeal = Arc::new(Ordeal::new("none", "one short"));
    ordeal.publish("two short");
    ordeal.publish("");
    let witness = ordeal.witness("somebody");
    for sight in sights {
        witness.sees(sight);
    }
    ordeal
}

/// What is wrong with them, by its kind.
fn kinds(sights: impl IntoIterator<Item = Sight>) -> Vec<String> {
    let said = seen(sights).course().verdict(0);
    let kind = |said: &String| said.trim_start_matches("somebody saw ").split(':').next().map(str::to_owned);
    said.iter().filter_map(kind).collect()
}

#[test]
fn what_is_published_may_show_in_that_order_with_gaps_and_repeats() {
    let over = Sight { off: vec![SHORT.to_owned()], ..sight("one short") };
    let later = Sight { revision: 6, ..sight("") };
    for sights in [
        vec![sight("one short"), sight("two short"), sight("two short"), later.clone()],
        vec![sight("one short"), over.clone(), over],
        vec![sight("one short"), later],
    ] {
        assert_eq!(kinds(sights.clone()), Vec::<String>::new(), "{sights:?}");
    }
}

#[test]
fn what_must_not_be_seen_is_found() {
    let one = sight("one short");
    let over = Sight { off: vec![SHORT.to_owned()], ..one.clone() };
    let off = Sight { off: vec!["one".to_owned()], ..one.clone() };
    for (sights, kind) in [
        (vec![sight("two short"), one.clone()], "taken back"),
        (vec![sight(""), one.clone()], "taken back"),
        (vec![sight("one")], "not whole"),
        (vec![sight("short one")], "not whole"),
        (vec![sight("one two short")], "not whole"),
        (vec![sight("three short")], "never published"),
        (vec![sight("one other short")], "never published"),
        (vec![off], "switched off"),
        (vec![Sight { others: true, ..one.clone() }], "widened"),
        (vec![one.clone(), over.clone(), one.clone()], "revived"),
        (vec![one.clone(), over, sight("two short")], "revived"),
        (vec![one.clone(), Sight { revision: 4, ..one }], "the revision decrease 1 times"),
        (vec![], "nothing at all"),
    ] {
        assert_eq!(kinds(sights.clone()), [kind], "{sights:?}");
    }
}

#[test]
fn what_is_blanked_before_that_is_published_is_found() {
    let ordeal = Arc::new(Ordeal::new("none", "one"));
    ordeal.witness("somebody").sees(sight(""));
    ordeal.publish("");
    assert!(ordeal.course().violations()[0].starts_with("somebody saw blanked"));
}

#[test]
fn each_witness_is_judged_on_its_own() {
    let ordeal = seen([sight("two short")]);
    let late = ordeal.witness("another");
    late.sees(sight("one short"));
    ordeal.goes_well();
    late.sees(sight("other"));
    assert!(ordeal.course().violations()[0].starts_with("another saw never published"));
}

#[test]
fn what_never_showed_to_anyone_is_counted() {
    let ordeal = Arc::new(Ordeal::new("none", "one"));
    for ids in ["two", "three", "four"] {
        ordeal.publish(ids);
    }
    let (all, now_and_then) = (ordeal.witness("a sink"), ordeal.witness("a reader"));
    all.sees(sight("two"));
    assert_eq!(ordeal.skipped(), 0);
    all.sees(sight("four"));
    now_and_then.sees(sight("four"));
    assert_eq!(ordeal.skipped(), 1);
}

#[test]
fn a_decrease_is_forgiven_once_for_each_change_of_the_cluster_and_each_change_must_be_expected() {
    let ordeal = seen([5, 4, 3].map(|revision| Sight { revision, ..sight("one short") }));
    ordeal.reports_another_cluster();
    assert_eq!(ordeal.course().verdict(1), ["somebody saw the revision decrease 2 times"]);
    ordeal.reports_another_cluster();
    assert_eq!(ordeal.course().verdict(1), ["2 changes of the cluster, not 1"]);
    assert_eq!(ordeal.decreases(), 2);
    ordeal.ends(2);
}

#[test]
fn a_sight_tells_what_is_there_what_is_over_and_what_is_too_wide() {
    let set =
        |documents: &str| DirectiveSet::decode(documents.as_bytes(), UnixMillis::new(0)).expect("is valid");
    let (mine, start) = (set(&document(SHORT)), UnixMillis::new(0));
    let end = UnixMillis::new(u64::try_from(SHORT_LIFE.as_millis()).expect("small"));
    assert_eq!(Sight::of(5, &mine, start), sight(SHORT));
    assert_eq!(Sight::of(5, &mine, end), Sight { off: vec![SHORT.to_owned()], ..sight(SHORT) });
    let wide = set(r#"{"directives":[{"id":"all","level":"Shape","ttl_secs":600}]}"#);
    assert_eq!(Sight::of(5, &wide, start), Sight { others: true, ..sight("all") });
    assert_eq!(Sight::of(5, &DirectiveSet::empty(), start), sight(""));
}

#[test]
#[should_panic(expected = "none: [\n    \"nobody looked\"")]
fn an_ordeal_that_nobody_looked_at_fails() {
    Ordeal::new("none", "one").ends(0);
}

#[test]
#[should_panic(expected = "somebody saw never published")]
fn an_ordeal_in_which_something_else_was_seen_fails() {
    seen([sight("other")]).ends(0);
}

#[tokio::test]
#[should_panic(expected = "somebody saw taken back")]
async fn a_store_that_takes_something_back_is_not_waited_for() {
    seen([sight("two short"), sight("one short")]).converged(|| false).await;
}

/// As if it had been long ago: patience is measured by the wall clock.
fn long_ago(patience: Duration) -> Instant {
    Instant::now().checked_sub(patience).expect("up for a while")
}

#[tokio::test]
#[should_panic(expected = "none: the store notices")]
async fn a_store_that_never_notices_fails() {
    let ordeal = seen([]);
    ordeal.began_at(long_ago(NOTICED_WITHIN * 2));
    ordeal.noticed(|| false).await;
}

#[tokio::test]
#[should_panic(expected = "none: noticed only after")]
async fn a_store_that_notices_too_late_fails() {
    let ordeal = seen([]);
    ordeal.began_at(long_ago(NOTICED_WITHIN * 2));
    ordeal.noticed(|| true).await;
}

#[tokio::test]
#[should_panic(expected = "none: the store converges")]
async fn a_store_that_never_converges_fails() {
    let ordeal = seen([sight("")]);
    ordeal.stopped_at(long_ago(CONVERGED_WITHIN * 2));
    ordeal.converged(|| false).await;
}

#[tokio::test]
#[should_panic(expected = "none: the store converges")]
async fn a_store_whose_newest_nobody_sees_has_not_converged() {
    let ordeal = seen([sight("one short")]);
    ordeal.stopped_at(long_ago(CONVERGED_WITHIN * 2));
    ordeal.converged(|| true).await;
}

#[tokio::test]
#[should_panic(expected = "none: converged only after")]
async fn a_store_that_converges_too_late_fails() {
    let ordeal = seen([sight("")]);
    ordeal.stopped_at(long_ago(CONVERGED_WITHIN * 2));
    ordeal.converged(|| true).await;
}

#[tokio::test]
async fn the_slowest_of_several_times_counts_and_a_transfer_may_take_its_own() {
    let ordeal = seen([sight("")]);
    assert_eq!(ordeal.line(), "none | - | -");
    let second = Duration::from_secs(1);
    ordeal.began_at(long_ago(3 * second));
    ordeal.noticed(|| true).await;
    ordeal.begins();
    ordeal.noticed(|| true).await;
    ordeal.transfers(6 * second);
    ordeal.stopped_at(long_ago(CONVERGED_WITHIN));
    ordeal.converged(|| true).await;
    let figures = ordeal.course().figures;
    assert!(figures.noticed.is_some_and(|took| took >= 3 * second), "{}", ordeal.line());
    assert!(figures.converged.is_some_and(|took| took >= CONVERGED_WITHIN), "{}", ordeal.line());
}
