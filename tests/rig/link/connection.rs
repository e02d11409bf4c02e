//! One connection through the link: two pumps, each looking at the weather before it reads and before it delivers.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// How many chunks may be on their way in one direction; beyond that the sender is held up.
const IN_FLIGHT: usize = 256;
const CHUNK: usize = 16 * 1024;

/// The directions in which nothing arrives any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blackhole {
    /// Neither side hears the other.
    Both,
    /// The server hears nothing; what it sends arrives.
    ToServer,
    /// The client hears nothing; what it sends arrives.
    ToClient,
}

/// What the connections are subject to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weather {
    pub(super) blackhole: Option<Blackhole>,
    pub(super) delay: Duration,
    /// Connections with a smaller number are silent for ever.
    pub(super) frozen_below: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

/// Carries bytes until either side ends. Dropped or done, both sides are reset: a link that fails says no goodbye.
pub(super) async fn carry(
    mut client: TcpStream,
    server: SocketAddr,
    number: usize,
    weather: watch::Receiver<Weather>,
) {
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
    let forth = Pump { number, direction: Direction::ToServer, weather: weather.clone() };
    let back = Pump { number, direction: Direction::ToClient, weather };
    tokio::join!(forth.run(from_client, to_server), back.run(from_server, to_client));
}

#[derive(Clone)]
struct Pump {
    number: usize,
    direction: Direction,
    weather: watch::Receiver<Weather>,
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
            let due = Instant::now() + self.weather.borrow().delay;
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
            if !self.let_through().await || to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        if self.let_through().await {
            let _ = to.shutdown().await;
        }
    }

    /// Waits for weather in which this direction works; false when the link is gone.
    async fn let_through(&mut self) -> bool {
        let (number, direction) = (self.number, self.direction);
        self.weather.wait_for(|weather| !weather.holds(number, direction)).await.is_ok()
    }
}

impl Weather {
    fn holds(&self, number: usize, direction: Direction) -> bool {
        let swallowed = match self.blackhole {
            None => false,
            Some(Blackhole::Both) => true,
            Some(Blackhole::ToServer) => direction == Direction::ToServer,
            Some(Blackhole::ToClient) => direction == Direction::ToClient,
        };
        swallowed || number < self.frozen_below
    }
}
