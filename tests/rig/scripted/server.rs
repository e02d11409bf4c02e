//! The server of the scripted etcd: connections, and which call goes where.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;

use etcd_client::proto::{
    PbAuthenticateRequest, PbAuthenticateResponse, PbRangeRequest, PbRangeResponse, PbStatusRequest,
    PbStatusResponse, PbWatchRequest, PbWatchResponse,
};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::{mpsc, oneshot};
use tonic::body::Body;
use tonic::server::{Grpc, StreamingService, UnaryService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use super::Call;
use super::scene::Scene;
use super::watches;

/// Serves until told to end; connections end with it, without a goodbye.
pub(super) fn run(listener: TcpListener, scene: &Arc<Scene>, ended: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    listener.set_nonblocking(true).expect("a socket without blocking");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        tokio::select! {
            () = accept(&listener, scene) => {}
            _ = ended => {}
        }
    });
}

async fn accept(listener: &tokio::net::TcpListener, scene: &Arc<Scene>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        let _ = client.set_nodelay(true);
        let desk = Desk(Arc::clone(scene));
        let service = service_fn(move |request| {
            let desk = desk.clone();
            async move { Ok::<_, Infallible>(desk.answer(request).await) }
        });
        let connection = http2::Builder::new(TokioExecutor::new());
        tokio::spawn(connection.serve_connection(TokioIo::new(client), service));
    }
}

/// Where calls arrive.
#[derive(Clone)]
struct Desk(Arc<Scene>);

impl Desk {
    async fn answer(self, request: hyper::Request<Incoming>) -> hyper::Response<Body> {
        match request.uri().path() {
            "/etcdserverpb.KV/Range" => {
                let codec = ProstCodec::<PbRangeResponse, PbRangeRequest>::default();
                Grpc::new(codec).unary(self, request).await
            }
            "/etcdserverpb.Watch/Watch" => {
                let codec = ProstCodec::<PbWatchResponse, PbWatchRequest>::default();
                Grpc::new(codec).streaming(self, request).await
            }
            "/etcdserverpb.Auth/Authenticate" => {
                let codec = ProstCodec::<PbAuthenticateResponse, PbAuthenticateRequest>::default();
                Grpc::new(codec).unary(self, request).await
            }
            "/etcdserverpb.Maintenance/Status" => {
                let codec = ProstCodec::<PbStatusResponse, PbStatusRequest>::default();
                Grpc::new(codec).unary(self, request).await
            }
            other => Status::unimplemented(format!("the scripted etcd has no {other}")).into_http(),
        }
    }
}

type Answer<T> = BoxFuture<'static, Result<Response<T>, Status>>;

impl UnaryService<PbRangeRequest> for Desk {
    type Response = PbRangeResponse;
    type Future = Answer<PbRangeResponse>;

    fn call(&mut self, request: Request<PbRangeRequest>) -> Self::Future {
        let Self(scene) = self.clone();
        Box::pin(async move {
            scene.enter(Call::Range).await?;
            scene.range(request.into_inner()).map(Response::new)
        })
    }
}

impl UnaryService<PbStatusRequest> for Desk {
    type Response = PbStatusResponse;
    type Future = Answer<PbStatusResponse>;

    fn call(&mut self, _: Request<PbStatusRequest>) -> Self::Future {
        let Self(scene) = self.clone();
        Box::pin(async move {
            scene.enter(Call::Status).await?;
            Ok(Response::new(scene.status()))
        })
    }
}

impl UnaryService<PbAuthenticateRequest> for Desk {
    type Response = PbAuthenticateResponse;
    type Future = Answer<PbAuthenticateResponse>;

    fn call(&mut self, _: Request<PbAuthenticateRequest>) -> Self::Future {
        let Self(scene) = self.clone();
        Box::pin(async move {
            scene.enter(Call::Authenticate).await?;
            Ok(Response::new(scene.token()))
        })
    }
}

impl StreamingService<PbWatchRequest> for Desk {
    type Response = PbWatchResponse;
    type ResponseStream = BoxStream<'static, Result<PbWatchResponse, Status>>;
    type Future = Answer<Self::ResponseStream>;

    fn call(&mut self, request: Request<Streaming<PbWatchRequest>>) -> Self::Future {
        let Self(scene) = self.clone();
        Box::pin(async move {
            scene.enter(Call::Watch).await?;
            let (voice, words) = mpsc::unbounded_channel();
            let number = scene.watches().open(voice);
            tokio::spawn(watches::serve(scene, number, request.into_inner()));
            let words = stream::unfold(words, |mut words| async { Some((words.recv().await?, words)) });
            Ok(Response::new(words.boxed()))
        })
    }
}
