//! What the tower layer costs a proxy: a request through the example of one, and through the same without the layer.
//!
//! Client, proxy and upstream share a thread, so that its processor time is all that a request costs.

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{Key, KvWriter};
use aldis_etcd::{DEFAULT_SCOPE, EtcdDirectiveStore};
use anyhow::{Context, Result};
use axum::body::Body;
use bench::{Contender, Goal, Pace, ThreadTime, race};
use http::{Request, Response};
use native_proxy::{Forward, Ring, proxy, serve};
use peers::scene;
use rig::http::{Client, Question};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tower::{Service, service_fn};

use crate::report::Report;

/// What a request may cost with the layer, of what it costs without.
const GOAL: Goal = Goal::Ratio(1.02);

pub(crate) fn run(report: &mut Report) -> Result<()> {
    let nothing = r#"{"directives":[]}"#.to_owned();
    row(report, "proxy: a request through the layer, nothing published", nothing)?;
    row(
        report,
        "proxy: a request through the layer, 10 000 directives for others",
        scene::mixed(10_000).document,
    )
}

fn row(report: &mut Report, what: &str, document: String) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (with, without) = runtime.block_on(both(document))?;
    let runtime = Rc::new(runtime);
    let requests = [0_u8; 1];
    let mut contenders = [
        asking("Aldis", with, &runtime, &requests),
        asking("the same proxy without it", without, &runtime, &requests),
    ];
    let timings = race(&mut contenders, Pace { rounds: 301, ..Pace::LONG }, &ThreadTime)?;
    report.race(what, &timings, GOAL)
}

/// A connection to the proxy with the layer, and to the one without.
async fn both(document: String) -> Result<(Client, Client)> {
    let kv = MemoryKv::new();
    kv.put(&Key::from(DEFAULT_SCOPE), document.as_bytes()).await?;
    let store = EtcdDirectiveStore::over(Arc::new(kv)).connect().await?;
    let upstream = served(service_fn(answer)).await?.to_string().parse::<http::uri::Authority>()?;
    let with = served(proxy(upstream.clone(), store, Ring::default())).await?;
    let without = served(Forward::to(upstream)).await?;
    Ok((Client::connect(with).await, Client::connect(without).await))
}

async fn answer(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Body::from("answered")))
}

async fn served<S>(service: S) -> Result<SocketAddr>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr().context("is bound")?;
    tokio::spawn(serve(listener, service));
    Ok(address)
}

/// Each answer is one request with the headers that the mapping reads.
fn asking<'a>(name: &str, client: Client, runtime: &Rc<Runtime>, requests: &'a [u8]) -> Contender<'a> {
    let (client, runtime) = (RefCell::new(client), Rc::clone(runtime));
    let ask = move |_: &u8| {
        let question = Question::get("/logs/_search")
            .header("x-tenant", "nobody")
            .header("x-principal", "nobody")
            .header("x-request-id", "0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f");
        runtime.block_on(client.borrow_mut().ask(question)).status
    };
    Contender::new(name, requests, ask, u64::from)
}
