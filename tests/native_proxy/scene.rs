//! An upstream that echoes, hangs or streams; the proxy in front of it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aldis_etcd::EtcdDirectiveStore;
use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{Key, KvWriter};
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures_util::stream;
use hyper::body::Bytes;
use native_proxy::{Ring, admin, proxy, serve};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::service_fn;

/// Long enough for what should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct Scene {
    pub(crate) store: EtcdDirectiveStore,
    pub(crate) proxy: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// Ends with this.
    _serving: JoinSet<()>,
}

impl Scene {
    pub(crate) async fn over(store: EtcdDirectiveStore) -> Self {
        let mut serving = JoinSet::new();
        let upstream = listen().await;
        let authority = upstream.1.to_string().parse().expect("an address");
        let ring = Ring::default();
        let (clients, operators) = (listen().await, listen().await);
        serving.spawn(serve(upstream.0, service_fn(answer)));
        serving.spawn(serve(clients.0, proxy(authority, store.clone(), ring.clone())));
        serving.spawn(serve(operators.0, admin(store.clone(), ring)));
        Self { store, proxy: clients.1, admin: operators.1, _serving: serving }
    }

    /// Over this document in memory.
    pub(crate) async fn with(document: &str) -> Self {
        let kv = MemoryKv::new();
        kv.put(&Key::from(aldis_etcd::DEFAULT_SCOPE), document.as_bytes()).await.expect("is written");
        Self::over(EtcdDirectiveStore::over(Arc::new(kv)).connect().await.expect("starts")).await
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("is bound");
    (listener, address)
}

/// Echoes what it saw of the request, and its body; `/hang` never answers, `/stream` sends a piece now and the rest never.
async fn answer(request: Request) -> Result<Response<Body>, Infallible> {
    let seen = format!("{} {}", request.method(), request.uri());
    let headers: Vec<String> = request.headers().keys().map(ToString::to_string).collect();
    let body = match request.uri().path() {
        "/hang" => std::future::pending().await,
        "/stream" => {
            let pieces = stream::unfold(0, async |piece| match piece {
                0 => Some((Ok::<_, Infallible>(Bytes::from_static(b"first")), 1)),
                _ => std::future::pending().await,
            });
            Body::from_stream(pieces)
        }
        _ => request.into_body(),
    };
    let answer = Response::builder().header("x-seen", seen).header("x-headers", headers.join(","));
    Ok(answer.header("set-cookie", "secret=1").body(body).expect("is legal"))
}
