//! Ports that stay ours while the process behind them is down.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Below the range from which Linux takes ports for outgoing connections and for `bind(0)`: there, a port of a
/// killed etcd would be somebody else's before the restart.
const FIRST: u16 = 10_000;
const COUNT: u16 = 22_000;

/// How long a port may still be held by a child that is being started.
const STARTING: Duration = Duration::from_secs(10);

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

/// Listens on a port that is ours. A child that some other thread is starting holds a copy of all that was open here until
/// it runs its own program, among it a listener that has just been closed: for so long the port is taken.
pub(crate) fn listen(port: u16) -> TcpListener {
    let begun = Instant::now();
    loop {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return listener,
            Err(error) if error.kind() == ErrorKind::AddrInUse && begun.elapsed() < STARTING => {
                thread::sleep(Duration::from_millis(2));
            }
            Err(error) => panic!("port {port}: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_a_starting_child_still_holds_is_waited_for() {
        let port = free_port();
        let held = listen(port);
        let waiting = thread::spawn(move || listen(port));
        thread::sleep(Duration::from_millis(100));
        assert!(!waiting.is_finished());
        drop(held);
        assert!(waiting.join().is_ok());
    }
}
