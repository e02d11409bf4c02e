//! In axum over a socket, and before a service of tonic.

use std::convert::Infallible;

use aldis_etcd::layer::{DecideLayer, Decided};
use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use hyper_util::rt::TokioIo;
use rig::http::{Question, ask};
use tokio::net::TcpListener;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::{DOCUMENT, store, tenant};

async fn stamp(request: Request) -> String {
    Decided::of(request.extensions()).stamp().to_string()
}

#[tokio::test]
async fn it_works_in_axum_over_a_socket() {
    let router = Router::new().route("/", get(stamp)).layer(DecideLayer::new(store(DOCUMENT).await, tenant));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("is bound");
    let serving = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let router = router.clone();
            let service =
                hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    router.clone().call(request.map(axum::body::Body::new))
                });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    let acme = ask(address, Question::get("/").header("x-tenant", "acme")).await;
    assert!(acme.text().starts_with("2:") && acme.text().ends_with(":timing"), "{}", acme.text());
    assert_eq!(ask(address, Question::get("/")).await.text(), "-");
    serving.abort();
}

#[tokio::test]
async fn it_works_before_a_service_of_tonic() {
    let grpc = service_fn(async |request: http::Request<tonic::body::Body>| {
        let level = Decided::of(request.extensions()).level().as_str();
        Ok::<_, Infallible>(http::Response::builder().header("level", level).body(tonic::body::Body::empty()))
    });
    let service = DecideLayer::new(store(DOCUMENT).await, tenant).layer(grpc);
    let request = http::Request::post("/package.Service/Method").header("x-tenant", "acme");
    let request = request.body(tonic::body::Body::empty()).expect("is legal");
    let response = service.oneshot(request).await.expect("never fails").expect("is legal");
    assert_eq!(response.headers()["level"], "ShapeTiming");
}
