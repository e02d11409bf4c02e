//! Connections of clients.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tower::Service;

/// Out of file descriptors, say: some time for one to be free.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Serves until it is dropped. A connection that breaks concerns nobody else.
pub async fn serve<S>(listener: TcpListener, service: S)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    tokio::time::sleep(AFTER_FAILURE).await;
                    continue;
                };
                let service = service.clone();
                let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                    service.clone().call(request.map(Body::new))
                });
                let serving = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .serve_connection(TokioIo::new(stream), service);
                connections.spawn(async { drop(serving.await) });
            }
        }
    }
}
