//! A TCP link in front of a server, which fails on command: cut at once or after so many bytes, silent, slow.
//!
//! It runs on a thread of its own, so that it works for tests with and without a runtime, and goes on while a test
//! blocks. Each command has taken effect when its call returns.

mod connection;
mod station;
mod weather;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use self::station::{Command, Counters, Order, Station};
pub use self::weather::{Blackhole, Direction};
use self::weather::{Fuse, Weather};
use crate::port::free_port;

/// The link. It passes everything until told otherwise; dropping it resets what is open.
pub struct Link {
    port: u16,
    commands: mpsc::UnboundedSender<Command>,
    counters: Arc<Counters>,
    fuse: Arc<Fuse>,
    thread: Option<JoinHandle<()>>,
}

impl Link {
    /// A new port on loopback that leads to `server`.
    ///
    /// # Panics
    ///
    /// When no port can be had.
    pub fn to(server: SocketAddr) -> Self {
        let port = free_port();
        let (counters, fuse) = (Arc::<Counters>::default(), Arc::<Fuse>::default());
        let station = Station::new(server, port, Arc::clone(&counters), Arc::clone(&fuse));
        let (commands, orders) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let thread = thread::spawn(move || runtime.block_on(station.run(orders)));
        let link = Self { port, commands, counters, fuse, thread: Some(thread) };
        link.order(Order::Listen);
        link
    }

    /// `http://127.0.0.1:port`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The same with `https`.
    pub fn tls_endpoint(&self) -> String {
        format!("https://{}", self.address())
    }

    /// Where clients dial.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Good weather again: listens, ends black hole, delay and throttling. What a black hole held back is delivered
    /// now, as TCP would retransmit it.
    pub fn pass(&self) {
        self.change(|weather, _| {
            weather.blackhole = None;
            weather.delay = Duration::ZERO;
            weather.throttle = None;
        });
        self.listen();
    }

    /// Takes new connections again after a [`cut`](Self::cut), in whatever weather there is.
    pub fn listen(&self) {
        self.order(Order::Listen);
    }

    /// Resets every connection and refuses new ones.
    pub fn cut(&self) {
        self.order(Order::Refuse);
        self.order(Order::Reset);
    }

    /// New connections lead to another server.
    pub fn lead_to(&self, server: SocketAddr) {
        self.order(Order::Lead(server));
    }

    /// Resets every connection; new ones pass.
    pub fn close_existing(&self) {
        self.order(Order::Reset);
    }

    /// Resets every connection once this many bytes have gone in this direction from now on, all connections together;
    /// new ones pass. Only once: a large transfer is cut in its middle, its repetition is not.
    pub fn cut_after(&self, direction: Direction, bytes: usize) {
        self.fuse.arm(direction, bytes);
    }

    /// Whether [`Link::cut_after`] still waits for its bytes.
    pub fn is_to_be_cut(&self) -> bool {
        self.fuse.is_armed()
    }

    /// Accepts and keeps connections, but delivers nothing in the directions given.
    pub fn blackhole(&self, directions: Blackhole) {
        self.change(move |weather, _| weather.blackhole = Some(directions));
    }

    /// The connections of now fall silent for ever, as when a firewall forgets a flow; new ones pass.
    pub fn freeze_existing(&self) {
        self.change(|weather, next| weather.frozen_below = next);
    }

    /// Each byte arrives that much later, in either direction.
    pub fn delay(&self, delay: Duration) {
        self.change(move |weather, _| weather.delay = delay);
    }

    /// A trickle: so many bytes per second at most, on each connection and in each direction.
    pub fn throttle(&self, bytes_per_second: u32) {
        self.change(move |weather, _| weather.throttle = Some(bytes_per_second));
    }

    /// Connections that clients have opened so far.
    pub fn accepted(&self) -> usize {
        self.counters.next()
    }

    /// When each of them was accepted, in order.
    pub fn accepted_at(&self) -> Vec<Instant> {
        self.counters.accepted().clone()
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        self.counters.open()
    }

    fn change(&self, change: impl FnOnce(&mut Weather, usize) + Send + 'static) {
        self.order(Order::Weather(Box::new(change)));
    }

    fn order(&self, order: Order) {
        let (done, wait) = std::sync::mpsc::channel();
        self.commands.send(Command { order, done }).unwrap_or_else(|_| panic!("the link runs"));
        wait.recv().expect("the link obeys");
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Without a sender left, the station ends, and its connections with it.
        self.commands = mpsc::unbounded_channel().0;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
