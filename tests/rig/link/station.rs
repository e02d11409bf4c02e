//! The side of a link that runs on the link's own thread: it listens, dials the server, and obeys.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::connection::{self, Conditions};
use super::weather::{Fuse, Weather};
use crate::port::listen;

/// What the link asks for, and whom to tell that it is done.
pub(super) struct Command {
    pub(super) order: Order,
    pub(super) done: std::sync::mpsc::Sender<()>,
}

pub(super) type Change = Box<dyn FnOnce(&mut Weather, usize) + Send>;

pub(super) enum Order {
    Lead(SocketAddr),
    Listen,
    Refuse,
    Reset,
    /// Is given the number of the connection to come.
    Weather(Change),
}

pub(super) struct Station {
    server: SocketAddr,
    port: u16,
    counters: Arc<Counters>,
    fuse: Arc<Fuse>,
    weather: watch::Sender<Weather>,
}

impl Station {
    /// Not listening yet.
    pub(super) fn new(server: SocketAddr, port: u16, counters: Arc<Counters>, fuse: Arc<Fuse>) -> Self {
        Self { server, port, counters, fuse, weather: watch::Sender::default() }
    }

    /// Works until nobody can give it orders any more, and resets what is open then.
    pub(super) async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Command>) {
        let mut listener = None;
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                command = orders.recv() => {
                    let Some(Command { order, done }) = command else { return };
                    self.obey(order, &mut listener, &mut connections).await;
                    let _ = done.send(());
                }
                client = accept(listener.as_ref()) => self.connect(client, &mut connections),
                () = self.fuse.blown() => connections.shutdown().await,
                Some(_) = connections.join_next() => {}
            }
        }
    }

    async fn obey(
        &mut self,
        order: Order,
        listener: &mut Option<TcpListener>,
        connections: &mut JoinSet<()>,
    ) {
        match order {
            Order::Lead(server) => self.server = server,
            Order::Listen if listener.is_some() => {}
            Order::Listen => {
                let listening = listen(self.port);
                listening.set_nonblocking(true).expect("a socket without blocking");
                *listener = Some(TcpListener::from_std(listening).expect("a listener"));
            }
            Order::Refuse => *listener = None,
            Order::Reset => connections.shutdown().await,
            Order::Weather(change) => {
                self.weather.send_modify(|weather| change(weather, self.counters.next()));
            }
        }
    }

    fn connect(&self, client: TcpStream, connections: &mut JoinSet<()>) {
        let number = self.counters.next();
        self.counters.accepted().push(Instant::now());
        let open = Open::new(Arc::clone(&self.counters));
        let (weather, fuse) = (self.weather.subscribe(), Arc::clone(&self.fuse));
        let (server, conditions) = (self.server, Conditions { number, weather, fuse });
        connections.spawn(async move {
            connection::carry(client, server, conditions).await;
            drop(open);
        });
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    loop {
        match listener {
            None => std::future::pending().await,
            Some(listener) => {
                if let Ok((client, _)) = listener.accept().await {
                    return client;
                }
            }
        }
    }
}

/// What the link can tell of its connections.
#[derive(Default)]
pub(super) struct Counters {
    /// When each connection was accepted.
    accepted: Mutex<Vec<Instant>>,
    open: AtomicUsize,
}

impl Counters {
    /// The number of the connection to come: as many as have been accepted.
    pub(super) fn next(&self) -> usize {
        self.accepted().len()
    }

    /// Connections that are open now.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub(super) fn accepted(&self) -> MutexGuard<'_, Vec<Instant>> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a connection as long as it lives, however it ends.
struct Open(Arc<Counters>);

impl Open {
    fn new(counters: Arc<Counters>) -> Self {
        counters.open.fetch_add(1, Ordering::SeqCst);
        Self(counters)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}
