//! How time passes, with the machine's clocks in hand.

use aldis_etcd::UnixMillis;

use super::machine::{HOUR, Machine, NOON, SECOND};
use super::*;

/// Directives on demand on a machine whose wall clock shows noon. Nothing is answered from the cache.
fn at_noon() -> (Bench, Arc<Machine>) {
    let machine = Machine::at(NOON);
    let readings = Arc::<Machine>::clone(&machine);
    (Bench::with(|builder| builder.ttl(Duration::ZERO).readings(readings)), machine)
}

async fn is_on(bench: &Bench) -> bool {
    bench.on_demand.decide("acme", &Request::EMPTY).await != Decision::OFF
}

#[tokio::test]
async fn a_relative_lifetime_ends_once_however_often_it_is_read() {
    let (bench, machine) = at_noon();
    bench.put("acme", &document("one")).await;
    for _ in 0..599 {
        machine.pass(SECOND);
        assert!(is_on(&bench).await);
    }
    machine.pass(SECOND);
    assert!(is_on(&bench).await, "it counts from when it was first read");
    machine.pass(SECOND);
    for _ in 0..10 {
        assert!(!is_on(&bench).await);
        machine.pass(HOUR);
    }
    bench.put("acme", &document("one")).await;
    assert!(is_on(&bench).await, "published anew, it counts anew");
}

#[tokio::test]
async fn what_has_ended_is_not_revived_by_an_outage_nor_by_a_clock_that_steps_back() {
    let (bench, machine) = at_noon();
    bench.put("acme", &document("one")).await;
    assert!(is_on(&bench).await);
    machine.pass(HOUR / 2);
    assert!(!is_on(&bench).await);
    machine.set_wall(NOON);
    assert!(!is_on(&bench).await);
    bench.reader.is(Mood::Panicking);
    assert!(!is_on(&bench).await);
    assert!(bench.load("acme").await.1.stale.is_some(), "it is the last that is known, and has ended");
}

#[tokio::test]
async fn what_is_published_after_a_step_back_means_what_its_author_meant() {
    let (bench, machine) = at_noon();
    machine.set_wall(NOON + 3 * HOUR);
    bench.load("acme").await;
    machine.set_wall(NOON);
    let expires_at = UnixMillis::new(NOON + 60 * SECOND);
    bench
        .put(
            "acme",
            &format!(r#"{{"directives":[{{"id":"a","level":"Shape","expires_at":"{expires_at}"}}]}}"#),
        )
        .await;
    assert!(is_on(&bench).await, "it has its minute, though the clock leads by three hours");
    machine.pass(59 * SECOND);
    assert!(is_on(&bench).await);
    machine.pass(SECOND);
    assert!(!is_on(&bench).await);
}

#[tokio::test]
async fn when_the_wall_clock_comes_forward_again_ends_come_nearer_by_as_much() {
    let (bench, machine) = at_noon();
    machine.set_wall(NOON + 3 * HOUR);
    bench.load("acme").await;
    machine.set_wall(NOON);
    let expires_at = UnixMillis::new(NOON + HOUR);
    bench
        .put(
            "acme",
            &format!(r#"{{"directives":[{{"id":"a","level":"Shape","expires_at":"{expires_at}"}}]}}"#),
        )
        .await;
    assert!(is_on(&bench).await);
    machine.set_wall(NOON + 2 * HOUR);
    assert!(!is_on(&bench).await, "by the wall clock, which is right now, it ended an hour ago");
    bench.reader.is(Mood::Panicking);
    assert!(!is_on(&bench).await, "in an outage, too");
}

#[tokio::test]
async fn the_stale_limit_is_counted_from_the_last_confirmation() {
    let (bench, machine) = at_noon();
    bench
        .put("acme", &format!(r#"{{"directives":[{{"id":"a","level":"Shape","ttl_secs":{}}}]}}"#, 86_400))
        .await;
    assert!(is_on(&bench).await);
    machine.pass(HOUR);
    assert!(is_on(&bench).await, "confirmed by this read");
    bench.reader.is(Mood::Panicking);
    machine.pass(HOUR);
    assert!(is_on(&bench).await);
    machine.pass(1);
    assert!(!is_on(&bench).await);
    bench.on_demand.load("acme").await.1.expect_err("too old");
}
