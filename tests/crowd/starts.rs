//! Starts with one healthy endpoint of three.

use std::sync::Arc;

use aldis_etcd::EtcdDirectiveStore;
use rig::etcd::Etcd;
use rig::link::{Blackhole, Link};
use tokio::task::JoinSet;

use super::{KEY, document, runtime, shown};

const STARTS: usize = 20;

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
        let endpoints = Arc::new(links.each_ref().map(Link::endpoint));
        let mut starts = JoinSet::new();
        for _ in 0..STARTS {
            let endpoints = Arc::clone(&endpoints);
            starts.spawn_on(
                async move { EtcdDirectiveStore::builder(endpoints.iter()).scope(KEY).connect().await },
                runtime.handle(),
            );
        }
        let stores = runtime.block_on(starts.join_all());
        let started = stores.iter().flatten().filter(|store| shown(store).as_deref() == Some("one"));
        assert_eq!(started.count(), STARTS, "the healthy one is number {healthy}: {stores:?}");
    }
}
