//! One connection to a relay, and one question at a time over it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::answer::{Answer, nonsense};
use super::target::Target;
use crate::kv::KvError;
use crate::wire;

/// The largest image that is taken. The bounds of a document keep one at some tens of megabytes.
const MAX_IMAGE_BYTES: usize = 128 << 20;

/// What is asked.
const QUESTION: &str = "the question for the image";

/// A connection, driven only while a question is under way: nothing is said in between.
pub(super) struct Exchange {
    sender: SendRequest<Empty<Bytes>>,
    connection: Option<Driving>,
    authority: HeaderValue,
    path: String,
}

type Driving = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

impl Exchange {
    /// Connects within the limit, TLS included.
    pub(super) async fn connect(target: &Target, limit: Duration) -> Result<Self, KvError> {
        let failed = |cause: String| KvError::Connect { endpoint: target.name().to_owned(), cause };
        let connecting = async {
            let stream =
                TcpStream::connect(target.address()).await.map_err(|error| failed(error.to_string()))?;
            // Without it a question may wait for the answer to what was sent before.
            let _ = stream.set_nodelay(true);
            match target.tls() {
                None => Self::over(stream, target).await,
                Some((connector, server)) => {
                    let stream = connector.connect(server.clone(), stream).await;
                    Self::over(stream.map_err(|error| failed(error.to_string()))?, target).await
                }
            }
        };
        let connected = timeout(limit, connecting).await;
        connected.map_err(|_| failed(format!("no connection within {} ms", limit.as_millis())))?
    }

    async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        target: &Target,
    ) -> Result<Self, KvError> {
        let failed = |cause: String| KvError::Connect { endpoint: target.name().to_owned(), cause };
        let shaken = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = shaken.map_err(|error| failed(error.to_string()))?;
        let authority = HeaderValue::try_from(target.authority());
        let authority = authority.map_err(|_| failed("its host is no name".to_owned()))?;
        Ok(Self {
            sender,
            connection: Some(Box::pin(connection)),
            authority,
            path: target.path(wire::IMAGE_PATH),
        })
    }

    /// Whether another question can be asked.
    pub(super) fn is_open(&self) -> bool {
        self.connection.is_some() && !self.sender.is_closed()
    }

    /// Asks for another image than that with this tag; the relay may hold its answer back for `wait`, must have sent the
    /// head of it within `limit`, and the whole within `in_all`.
    pub(super) async fn image(
        &mut self,
        known: Option<&HeaderValue>,
        wait: Duration,
        limit: Duration,
        in_all: Duration,
    ) -> Result<Answer, KvError> {
        let request = self.question(known, wait)?;
        let late = |limit| move |_| KvError::Timeout { operation: QUESTION, limit_ms: millis(limit) };
        let asking = async {
            let asking = driven(&mut self.connection, self.sender.send_request(request));
            let response = timeout(limit, asking).await.map_err(late(limit))?;
            let (head, body) = response.map_err(|error| broken(&error))?.into_parts();
            let reading = Limited::new(body, MAX_IMAGE_BYTES).collect();
            let body = driven(&mut self.connection, reading).await;
            Ok((head, body.map_err(|error| broken(&*error))?.to_bytes()))
        };
        let (head, body) = timeout(in_all, asking).await.map_err(late(in_all))??;
        match head.status {
            StatusCode::OK => Answer::image(&head.headers, body.into()),
            StatusCode::NOT_MODIFIED => Answer::same(&head.headers),
            status => Err(nonsense(&format!("its status is {status}"))),
        }
    }

    fn question(
        &self,
        known: Option<&HeaderValue>,
        wait: Duration,
    ) -> Result<Request<Empty<Bytes>>, KvError> {
        let uri = format!("{}?wait={}ms", self.path, wait.as_millis().max(1));
        let mut request = Request::get(uri).header(header::HOST, &self.authority);
        if let Some(etag) = known {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        request.body(Empty::new()).map_err(|error| broken(&error))
    }
}

/// Does the work while the connection is driven. Should that end first, what has come of it is still worked on.
async fn driven<T>(connection: &mut Option<Driving>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    if let Some(driving) = connection {
        if let Either::Left((done, _)) = select(work.as_mut(), driving).await {
            return done;
        }
        *connection = None;
    }
    work.await
}

fn broken(error: &(dyn std::error::Error + 'static)) -> KvError {
    let mut cause = error.to_string();
    let mut source = error.source();
    while let Some(deeper) = source {
        cause = format!("{cause}: {deeper}");
        source = deeper.source();
    }
    KvError::Failed { operation: QUESTION, cause }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
