//! Starts with one healthy endpoint of three.

use std::time::{Duration, Instant};

use aldis_etcd::EtcdDirectiveStore;
use rig::etcd::Etcd;
use rig::link::{Blackhole, Link};
use rig::stall;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::{KEY, document, runtime, shown};

const STARTS: usize = 20;

/// A machine that stands still for longer is not what is measured here: then it is measured once more.
const STANDSTILL: Duration = Duration::from_millis(500);

pub(crate) fn others_closed() {
    all_start(Link::cut);
}

pub(crate) fn others_silent() {
    all_start(|link| link.blackhole(Blackhole::Both));
}

/// Wherever the healthy one stands.
fn all_start(kill: fn(&Link)) {
    let (etcd, runtime) = (Etcd::start(), runtime());
    etcd.put(KEY, document("one", 0));
    for healthy in 0..3 {
        let links = [(); 3].map(|()| Link::to(etcd.address()));
        for (_, dead) in links.iter().enumerate().filter(|(place, _)| *place != healthy) {
            kill(dead);
        }
        let endpoints = links.each_ref().map(Link::endpoint);
        let mut began = Instant::now();
        let mut started = batch(&runtime, &endpoints);
        if started < STARTS && stall::since(began) > STANDSTILL {
            // Twenty connections at once, within a timeout, are nothing for a machine that stands still.
            println!("{started} of {STARTS} started, late by {:.1?}; once more", stall::since(began));
            began = Instant::now();
            started = batch(&runtime, &endpoints);
        }
        let late = stall::since(began);
        assert_eq!(started, STARTS, "the healthy one is number {healthy}; late by {late:?}");
    }
}

/// How many of so many starts at once succeed.
fn batch(runtime: &Runtime, endpoints: &[String]) -> usize {
    let mut starts = JoinSet::new();
    for _ in 0..STARTS {
        let builder = EtcdDirectiveStore::builder(endpoints.iter().cloned()).scope(KEY);
        starts.spawn_on(builder.connect(), runtime.handle());
    }
    let stores = runtime.block_on(starts.join_all());
    let started = stores.iter().flatten().filter(|store| shown(store).as_deref() == Some("one")).count();
    for failed in stores.iter().filter_map(|store| store.as_ref().err()) {
        println!("{failed}");
    }
    started
}
