//! Connections: how many, how long, and how they end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower_service::Service;

use super::publish::Peer;
use super::tls::ServerTls;
use super::{Limits, Shared, routes};
use crate::meter;

/// Bytes of the head of a request, its line included.
const HEAD_BYTES: usize = 64 << 10;

/// Until the next connection is accepted, where one could not be: out of file descriptors, say.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Serves until `end`, and drains.
pub(super) async fn serve(
    shared: &Arc<Shared>,
    tls: Option<ServerTls>,
    listener: TcpListener,
    end: impl Future<Output = ()>,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    tracing::info!(%address, tls = tls.is_some(), "serving");
    let (ending, _) = watch::channel(false);
    let server = Server {
        router: routes::router(Arc::clone(shared)),
        tls,
        limits: shared.limits,
        places: Arc::new(Semaphore::new(shared.limits.connections)),
        ending: ending.subscribe(),
    };
    let mut connections = JoinSet::new();
    let mut end = pin!(end);
    loop {
        tokio::select! {
            () = &mut end => break,
            accepted = listener.accept() => server.accepted(accepted, &mut connections).await,
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    shared.hub.end();
    ending.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    match timeout(shared.limits.drain, drained).await {
        Ok(()) => tracing::info!("drained"),
        Err(_) => tracing::warn!("requests were still under way when the time to drain was up"),
    }
    Ok(())
}

/// What each connection needs.
#[derive(Clone)]
struct Server {
    router: Router,
    tls: Option<ServerTls>,
    limits: Limits,
    places: Arc<Semaphore>,
    ending: watch::Receiver<bool>,
}

impl Server {
    async fn accepted(&self, accepted: io::Result<(TcpStream, SocketAddr)>, connections: &mut JoinSet<()>) {
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                return tokio::time::sleep(AFTER_FAILURE).await;
            }
        };
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => {
                connections.spawn(self.clone().connection(stream, address, place));
            }
            Err(_) => meter::relay::turned_away(),
        }
    }

    async fn connection(self, stream: TcpStream, address: SocketAddr, place: OwnedSemaphorePermit) {
        let _place = place;
        let _connected = meter::relay::connected();
        if let Err(error) = prepare(&stream, self.limits.unacknowledged) {
            tracing::debug!(%error, "a connection's options could not be set");
        }
        let peer = |is_encrypted| Peer { address, is_encrypted };
        match &self.tls {
            None => self.http(stream, peer(false)).await,
            Some(tls) => match timeout(self.limits.head, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.http(stream, peer(true)).await,
                Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                Err(_) => tracing::debug!("a TLS handshake took too long"),
            },
        }
    }

    async fn http(&self, stream: impl AsyncRead + AsyncWrite + Unpin, peer: Peer) {
        let service = service_fn(|request: hyper::Request<Incoming>| {
            let mut request: Request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(peer);
            self.router.clone().call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let mut ending = self.ending.clone();
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = told(&mut ending) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke");
        }
    }
}

/// Waits until the relay ends.
async fn told(ending: &mut watch::Receiver<bool>) {
    // An error means that whoever would tell is gone, which comes to the same.
    let _ = ending.wait_for(|is_ending| *is_ending).await;
}

/// A peer that is gone without a word is noticed: while nothing is sent by probes, else by what it does not acknowledge.
fn prepare(stream: &TcpStream, unacknowledged: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    #[cfg(target_os = "linux")]
    {
        sockopt::set_tcp_keepidle(stream, unacknowledged)?;
        sockopt::set_tcp_keepintvl(stream, Duration::from_secs(5))?;
        let millis = u32::try_from(unacknowledged.as_millis()).unwrap_or(u32::MAX);
        sockopt::set_tcp_user_timeout(stream, millis)?;
    }
    Ok(())
}
