//! One endpoint of three is alive, wherever it stands.

use std::time::Instant;

use aldis_etcd::{Builder, EtcdDirectiveStore};
use rig::etcd::{Etcd, Version};
use rig::link::{Blackhole, Link};
use rig::ordeal::Figures;

use super::case::Case;

/// How the others are dead.
type Kill = fn(&Link);

fn close(link: &Link) {
    link.cut();
}

fn silence(link: &Link) {
    link.blackhole(Blackhole::Both);
}

pub(crate) fn others_closed_at_start(version: &Version) -> Figures {
    at_start(version, close)
}

pub(crate) fn others_silent_at_start(version: &Version) -> Figures {
    at_start(version, silence)
}

pub(crate) fn others_closed_after_a_loss(version: &Version) -> Figures {
    after_a_loss(Etcd::builder().version(version).start(), close, |builder| builder)
}

pub(crate) fn others_silent_after_a_loss(version: &Version) -> Figures {
    after_a_loss(Etcd::builder().version(version).start(), silence, |builder| builder)
}

pub(crate) fn others_closed_with_auth(version: &Version) -> Figures {
    with_auth(version, close)
}

pub(crate) fn others_silent_with_auth(version: &Version) -> Figures {
    with_auth(version, silence)
}

/// A token is asked of an endpoint as well: of a client for all three, a dead one would cost every attempt.
fn with_auth(version: &Version, kill: Kill) -> Figures {
    after_a_loss(Etcd::builder().version(version).root_password("secret").start(), kill, |builder| {
        builder.credentials("root", "secret")
    })
}

/// The healthy one is the last that is tried.
fn at_start(version: &Version, kill: Kill) -> Figures {
    let etcd = Etcd::builder().version(version).start();
    let links = [(); 3].map(|()| Link::to(etcd.address()));
    let [one, two, healthy] = links;
    kill(&one);
    kill(&two);
    let builder = EtcdDirectiveStore::builder([&one, &two, &healthy].map(Link::endpoint));
    let mut case = Case::following(etcd, healthy, builder);
    let began = Instant::now();
    case.publish();
    case.converges_since(began);
    case.end()
}

/// The one in use dies, the next is dead already, and neither comes back.
fn after_a_loss(etcd: Etcd, kill: Kill, configure: fn(Builder) -> Builder) -> Figures {
    let links = [(); 3].map(|()| Link::to(etcd.address()));
    let builder = configure(EtcdDirectiveStore::builder(links.each_ref().map(Link::endpoint)));
    let [used, dead, healthy] = links;
    kill(&dead);
    let mut case = Case::following(etcd, healthy, builder);
    let began = Instant::now();
    kill(&used);
    case.notices_since(began);
    case.publish();
    case.converges_since(began);
    case.end()
}
