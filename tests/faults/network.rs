//! Faults of the link.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rig::etcd::Version;
use rig::link::Blackhole;
use rig::ordeal::Figures;

use super::case::Case;

const DEAD_FOR: Duration = Duration::from_secs(3);

pub(crate) fn reset(version: &Version) -> Figures {
    let mut case = Case::on(version);
    case.link.close_existing();
    case.notices();
    case.publish();
    case.converges();
    case.end()
}

pub(crate) fn cut(version: &Version) -> Figures {
    let mut case = Case::on(version);
    case.link.cut();
    case.notices();
    case.publish();
    sleep(DEAD_FOR);
    case.link.pass();
    case.converges();
    case.end()
}

/// The key is gone by the time it is connected again; no event tells.
pub(crate) fn deleted_while_cut(version: &Version) -> Figures {
    let case = Case::on(version);
    case.link.cut();
    case.notices();
    case.delete();
    sleep(DEAD_FOR);
    case.link.pass();
    case.converges();
    case.end()
}

pub(crate) fn port_closed(version: &Version) -> Figures {
    let mut case = Case::on(version);
    case.link.cut();
    case.notices();
    case.publish();
    sleep(Duration::from_secs(15));
    case.link.pass();
    case.converges();
    case.end()
}

pub(crate) fn flapping(version: &Version) -> Figures {
    let mut case = Case::on(version);
    let mut ended = Instant::now();
    for _ in 0..5 {
        case.takes_stock();
        case.link.cut();
        let began = Instant::now();
        case.notices_since(began);
        case.publish();
        sleep(Duration::from_secs(2).saturating_sub(began.elapsed()));
        case.link.pass();
        ended = Instant::now();
        sleep(Duration::from_secs(2));
    }
    case.converges_since(ended);
    case.end()
}

pub(crate) fn black_hole(version: &Version) -> Figures {
    silent(version, Blackhole::Both)
}

pub(crate) fn black_hole_to_server(version: &Version) -> Figures {
    silent(version, Blackhole::ToServer)
}

pub(crate) fn black_hole_to_client(version: &Version) -> Figures {
    silent(version, Blackhole::ToClient)
}

fn silent(version: &Version, directions: Blackhole) -> Figures {
    let mut case = Case::on(version);
    case.link.blackhole(directions);
    let began = Instant::now();
    case.publish();
    case.notices_since(began);
    sleep(DEAD_FOR);
    case.link.pass();
    case.converges();
    case.end()
}

/// The flow is forgotten by some firewall; only new connections pass.
pub(crate) fn forgotten_flow(version: &Version) -> Figures {
    let mut case = Case::on(version);
    case.link.freeze_existing();
    let began = Instant::now();
    case.publish();
    case.notices_since(began);
    // The fault itself never ends.
    case.converges_since(began);
    case.end()
}

/// 400 ms each way. Nothing is lost, and nothing may be taken for lost.
pub(crate) fn latency(version: &Version) -> Figures {
    let mut case = Case::on(version);
    case.link.delay(Duration::from_millis(400));
    for _ in 0..4 {
        sleep(Duration::from_secs(3));
        case.publish();
        case.converges();
    }
    case.stays_live();
    // And a connection that is made under it.
    case.link.close_existing();
    case.publish();
    case.converges();
    case.end()
}

/// 2 000 bytes per second carry what matters. A document that takes a minute may be taken for a dead link.
pub(crate) fn trickle(version: &Version) -> Figures {
    let mut case = Case::on(version);
    case.link.throttle(2_000);
    case.publish();
    case.converges();
    case.stays_live();
    case.publish_padded(120_000);
    sleep(Duration::from_secs(15));
    case.publish();
    case.link.pass();
    case.converges();
    case.end()
}
