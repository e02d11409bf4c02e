//! Ports that stay ours while the process behind them is down.

use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range from which Linux takes ports for outgoing connections and for `bind(0)`: there, a port of a
/// killed etcd would be somebody else's before the restart.
const FIRST: u16 = 10_000;
const COUNT: u16 = 22_000;

/// A loopback port that nobody listens on. Each process starts somewhere else, so that tests in parallel rarely meet.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let offset = u16::try_from(process::id().wrapping_mul(131) % u32::from(COUNT)).unwrap_or(0);
    for _ in 0..COUNT {
        let step = u32::from(offset) + u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = FIRST + u16::try_from(step % u32::from(COUNT)).unwrap_or(0);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port on loopback");
}
