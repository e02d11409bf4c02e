//! Where the peers of a member arrive. etcd knows one address of each member, the same for all; so that the link
//! between each two can fail on its own, this tells by the kernel's tables who dials.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::MEMBERS;
use crate::port::{free_port, listen};

/// The processes of the members, by their places.
#[derive(Clone, Default)]
pub(super) struct Pids(Arc<Mutex<[Option<u32>; MEMBERS]>>);

impl Pids {
    pub(super) fn set(&self, place: usize, pid: Option<u32>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[place] = pid;
    }

    /// Which member has dialled from this port; nobody if it has hung up already.
    fn behind(&self, port: u16) -> Option<usize> {
        let socket = format!("socket:[{}]", inode(port)?);
        let pids = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pids.iter().position(|pid| pid.is_some_and(|pid| holds(pid, &socket)))
    }
}

/// The arrivals of one member, on a thread of their own. Ended when dropped.
pub(super) struct Crossing {
    port: u16,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Crossing {
    /// `ways` leads on from each of the members.
    pub(super) fn new(pids: Pids, ways: Vec<SocketAddr>) -> Self {
        let port = free_port();
        let listener = listen(port);
        listener.set_nonblocking(true).expect("a socket without blocking");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (end, ended) = oneshot::channel();
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    () = receive(&listener, &pids, &ways) => {}
                    _ = ended => {}
                }
            });
        });
        Self { port, end: Some(end), thread: Some(thread) }
    }

    pub(super) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }
}

impl Drop for Crossing {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn receive(listener: &TcpListener, pids: &Pids, ways: &[SocketAddr]) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((client, from)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        if let Some(way) = pids.behind(from.port()).and_then(|place| ways.get(place)) {
            connections.spawn(pass_on(client, *way));
        }
    }
}

async fn pass_on(mut client: TcpStream, way: SocketAddr) {
    let Ok(mut link) = TcpStream::connect(way).await else { return };
    let _ = (client.set_nodelay(true), link.set_nodelay(true));
    let _ = tokio::io::copy_bidirectional(&mut client, &mut link).await;
}

/// The kernel's number for the socket that has dialled from this port of loopback.
fn inode(port: u16) -> Option<String> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let dialled_from = format!("0100007F:{port:04X}");
    table.lines().find_map(|line| {
        // Number, local address, remote address, state, queues, timer, retransmits, user, timeout, inode.
        let mut fields = line.split_whitespace().skip(1);
        (fields.next()? == dialled_from).then(|| fields.nth(7).map(str::to_owned))?
    })
}

fn holds(pid: u32, socket: &str) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    files.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|is| is.as_os_str() == socket))
}
