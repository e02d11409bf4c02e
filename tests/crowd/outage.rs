//! A fleet after an outage: it must not fall upon etcd all at once.

use std::thread::sleep;
use std::time::{Duration, Instant};

use aldis_etcd::{EtcdDirectiveStore, State};
use rig::etcd::Etcd;
use rig::eventually_blocking;
use rig::link::{Blackhole, Link};
use rig::stall;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::{CONVERGENCE, KEY, builder, document, runtime, shown};

const INSTANCES: usize = 150;

/// At most so many may dial within any window of this length.
const CROWDED: u128 = 30;
const WINDOW: Duration = Duration::from_millis(50);

/// A machine that stands still for longer is measured once more, so often.
const UNDISTURBED: Duration = Duration::from_millis(25);
const TURNS: u32 = 3;

/// What patience there is beyond the bound, to see by how much it was missed.
const ODD: Duration = Duration::from_secs(15);

/// Starts that are under way at a time: the start is not what this is about.
const AT_A_TIME: usize = 10;

pub(crate) fn reset() {
    dials_are_spread(|_| {}, |link| link.close_existing());
}

pub(crate) fn closed() {
    dials_are_spread(
        |link| {
            link.cut();
            sleep(Duration::from_secs(3));
        },
        Link::pass,
    );
}

/// A server that freezes and then ends: it ends the watches of some and the attempts of others, all in one instant.
pub(crate) fn frozen_and_ended() {
    let freeze = |link: &Link| {
        link.blackhole(Blackhole::Both);
        // Everybody has noticed by then, and is dialling again.
        sleep(Duration::from_secs(11));
    };
    let end = |link: &Link| {
        link.close_existing();
        link.pass();
    };
    dials_are_spread(freeze, end);
}

/// All lose their connections by `fail`, and dial again while it lasts or once `recover` has ended it.
fn dials_are_spread(fail: fn(&Link), recover: fn(&Link)) {
    let (etcd, runtime) = (Etcd::start(), runtime());
    let link = Link::to(etcd.address());
    let fleet = fleet(&runtime, &link);
    for turn in 1.. {
        let (crowded, late) = crowded_after(fail, recover, &etcd, &link, &fleet, turn);
        if crowded.is_empty() {
            return;
        }
        let is_disturbed = late > UNDISTURBED && turn < TURNS;
        assert!(is_disturbed, "too many dialled within {WINDOW:?}: {crowded:?}, late by {late:?}");
    }
}

/// The windows in which too many dialled, and how long the machine stood still meanwhile.
fn crowded_after(
    fail: fn(&Link),
    recover: fn(&Link),
    etcd: &Etcd,
    link: &Link,
    fleet: &[EtcdDirectiveStore],
    turn: u32,
) -> (Vec<(usize, u128)>, Duration) {
    let (before, id) = (link.accepted(), format!("turn{turn}"));
    fail(link);
    etcd.put(KEY, document(&id, 0));
    let back = Instant::now();
    recover(link);
    let is_present = |store: &EtcdDirectiveStore| {
        shown(store).as_ref() == Some(&id) && store.status().state == State::Live
    };
    eventually_blocking("all converge", CONVERGENCE + ODD, || fleet.iter().all(is_present));
    let (took, late) = (back.elapsed(), stall::since(back));
    let dials = link.accepted_at().split_off(before);
    let crowd = most_within(WINDOW, &dials);
    println!(
        "{} dials, at most {crowd} in {WINDOW:?}; converged in {took:.1?}, late by {late:.1?}",
        dials.len()
    );
    assert!(took < CONVERGENCE + late, "converged only after {took:?}");
    assert!(dials.len() >= INSTANCES, "not everybody has lost its connection");
    (crowded(&dials, stall::beside), late)
}

fn fleet(runtime: &Runtime, link: &Link) -> Vec<EtcdDirectiveStore> {
    let mut fleet = Vec::new();
    while fleet.len() < INSTANCES {
        let mut starts = JoinSet::new();
        for _ in 0..AT_A_TIME {
            starts.spawn_on(builder(link.endpoint()).connect(), runtime.handle());
        }
        let started = runtime.block_on(starts.join_all());
        fleet.extend(started.into_iter().map(|store| store.expect("etcd answers")));
    }
    fleet
}

/// The largest number of points that lie within one window, wherever it begins.
fn most_within(window: Duration, points: &[Instant]) -> usize {
    let within = |(place, first): (usize, &Instant)| {
        points.iter().skip(place).take_while(|point| point.duration_since(*first) <= window).count()
    };
    points.iter().enumerate().map(within).max().unwrap_or(0)
}

/// The windows in which more dialled than may, though the machine stood still beside them for so long: dials that were
/// spread over a standstill come all at once after it. How many they were, and how many might have been.
fn crowded(dials: &[Instant], stalled: impl Fn(Instant, Instant) -> Duration) -> Vec<(usize, u128)> {
    let window = |(place, first): (usize, &Instant)| {
        let end = *first + WINDOW;
        let count = dials.iter().skip(place).take_while(|dial| **dial <= end).count();
        let length = WINDOW + stalled(*first, end);
        (count, CROWDED * length.as_micros() / WINDOW.as_micros())
    };
    dials.iter().enumerate().map(window).filter(|(count, limit)| *count as u128 > *limit).collect()
}

/// The known-bad twin: a fleet that waits for a fixed second dials within one window.
pub(crate) fn twin() {
    let start = Instant::now();
    let points = |gap_ms: u64| -> Vec<Instant> {
        (0..150).map(|number| start + Duration::from_millis(number * gap_ms)).collect()
    };
    assert_eq!(most_within(WINDOW, &points(0)), 150);
    assert_eq!(most_within(WINDOW, &points(1)), 51);
    assert_eq!(most_within(WINDOW, &points(5)), 11);
    assert_eq!(most_within(WINDOW, &[]), 0);
    let (calm, disturbed) = (|_, _| Duration::ZERO, |_, _| WINDOW);
    assert_eq!(crowded(&points(0), calm).first(), Some(&(150, 30)));
    assert_eq!(crowded(&points(1), calm).first(), Some(&(51, 30)));
    assert_eq!(crowded(&points(1), disturbed), [], "twice as many may, after as long a standstill");
    assert!(!crowded(&points(0), disturbed).is_empty() && crowded(&points(5), calm).is_empty());
}
