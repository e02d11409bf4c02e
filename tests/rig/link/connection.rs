//! One connection through the link: two pumps, each looking at the weather before it reads and before it delivers.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, Instant, sleep_until, timeout_at};

use super::weather::{Direction, Fuse, Weather};

/// How many chunks may be on their way in one direction; beyond that the sender is held up.
const IN_FLIGHT: usize = 256;
const CHUNK: usize = 16 * 1024;

/// For how much lateness a throttled direction makes up. What rested for longer begins anew.
const MAKES_UP_FOR: Duration = Duration::from_millis(500);

/// What the pumps of a connection look at.
#[derive(Clone)]
pub(super) struct Conditions {
    /// The connection's number.
    pub(super) number: usize,
    pub(super) weather: watch::Receiver<Weather>,
    pub(super) fuse: Arc<Fuse>,
}

/// Carries bytes until either side ends. Dropped or done, both sides are reset: a link that fails says no goodbye.
pub(super) async fn carry(mut client: TcpStream, server: SocketAddr, conditions: Conditions) {
    let Ok(mut server) = TcpStream::connect(server).await else {
        let _ = client.set_zero_linger();
        return;
    };
    for side in [&client, &server] {
        let _ = side.set_nodelay(true);
        let _ = side.set_zero_linger();
    }
    // Owned halves would send a goodbye when they are dropped.
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let forth = Pump { direction: Direction::ToServer, conditions: conditions.clone(), next: None };
    let back = Pump { direction: Direction::ToClient, conditions, next: None };
    tokio::join!(forth.run(from_client, to_server), back.run(from_server, to_client));
}

#[derive(Clone)]
struct Pump {
    direction: Direction,
    conditions: Conditions,
    /// When the next bytes may follow, under a throttle.
    next: Option<Instant>,
}

impl Pump {
    async fn run(self, from: ReadHalf<'_>, to: WriteHalf<'_>) {
        let (send, receive) = mpsc::channel(IN_FLIGHT);
        tokio::join!(self.clone().take(from, send), self.deliver(receive, to));
    }

    /// Reads and stamps each chunk with the time of its arrival at the other side.
    async fn take(mut self, mut from: ReadHalf<'_>, send: mpsc::Sender<(Instant, Vec<u8>)>) {
        let mut chunk = vec![0; CHUNK];
        loop {
            if !self.let_through().await {
                return;
            }
            let Ok(length @ 1..) = from.read(&mut chunk).await else { return };
            let due = Instant::now() + self.conditions.weather.borrow().delay;
            let Some(bytes) = chunk.get(..length) else { return };
            if send.send((due, bytes.to_vec())).await.is_err() {
                return;
            }
        }
    }

    /// Writes what is due, and passes the end on when there is no more to come.
    async fn deliver(mut self, mut receive: mpsc::Receiver<(Instant, Vec<u8>)>, mut to: WriteHalf<'_>) {
        while let Some((due, bytes)) = receive.recv().await {
            sleep_until(due).await;
            if !self.write(&bytes, &mut to).await {
                return;
            }
        }
        if self.let_through().await {
            let _ = to.shutdown().await;
        }
    }

    /// Writes as fast as the weather allows; false when the connection is gone.
    async fn write(&mut self, mut bytes: &[u8], to: &mut WriteHalf<'_>) -> bool {
        while !bytes.is_empty() {
            if !self.let_through().await {
                return false;
            }
            let (length, pause) = self.conditions.weather.borrow().pace(bytes.len());
            let passes = self.conditions.fuse.burn(self.direction, length);
            let (now, later) = bytes.split_at(passes);
            if to.write_all(now).await.is_err() {
                return false;
            }
            if passes < length {
                // The station resets all connections, this one among them.
                pending::<()>().await;
            }
            if !self.pause(pause).await {
                return false;
            }
            bytes = later;
        }
        true
    }

    /// Keeps the rate: whoever comes late from one pause makes the next shorter. False when the link is gone.
    async fn pause(&mut self, pause: Duration) -> bool {
        if pause.is_zero() {
            self.next = None;
            return true;
        }
        let now = Instant::now();
        let next = self.next.filter(|next| *next + MAKES_UP_FOR > now).unwrap_or(now) + pause;
        self.next = Some(next);
        // It ends with the throttling.
        let unthrottled = self.conditions.weather.wait_for(|weather| weather.throttle.is_none());
        !matches!(timeout_at(next, unthrottled).await, Ok(Err(_)))
    }

    /// Waits for weather in which this direction works; false when the link is gone.
    async fn let_through(&mut self) -> bool {
        let (number, direction) = (self.conditions.number, self.direction);
        self.conditions.weather.wait_for(|weather| !weather.holds(number, direction)).await.is_ok()
    }
}
