//! What comes of a decision: a line of the log, a place in the ring. Before the upstream is called, so that a request that
//! hangs there can be seen.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use aldis_etcd::DiagLevel;
use aldis_etcd::layer::Decided;
use http::{Request, Response};
use tower::{Layer, Service};
use tracing::info;

use crate::ring::Ring;

/// Records by what was decided about a request; goes behind the layer that decides.
#[derive(Clone, Debug)]
pub struct RecordLayer {
    ring: Ring,
}

impl RecordLayer {
    /// Keeps exchanges in this ring.
    #[must_use]
    pub const fn new(ring: Ring) -> Self {
        Self { ring }
    }
}

impl<S> Layer<S> for RecordLayer {
    type Service = Record<S>;

    fn layer(&self, inner: S) -> Record<S> {
        Record { inner, ring: self.ring.clone() }
    }
}

/// A service whose exchanges are recorded.
#[derive(Clone, Debug)]
pub struct Record<S> {
    inner: S,
    ring: Ring,
}

impl<S, B, R> Service<Request<B>> for Record<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let decided = Decided::of(request.extensions()).clone();
        if decided.revision().is_none() {
            return Box::pin(self.inner.call(request));
        }
        let recording = Recording::begin(&self.ring, &decided, &request);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            if let Ok(answer) = &answer {
                recording.answered(answer);
            }
            answer
        })
    }
}

/// One exchange that is being recorded.
struct Recording {
    begun: Instant,
    level: DiagLevel,
    stamp: String,
    kept: Option<(Ring, u64)>,
}

impl Recording {
    fn begin<B>(ring: &Ring, decided: &Decided, request: &Request<B>) -> Self {
        let (level, stamp) = (decided.level(), decided.stamp().to_string());
        if level >= DiagLevel::Shape {
            info!(stamp, level = level.as_str(), method = %request.method(), path = request.uri().path(), "request");
        }
        let kept = decided.ring_buffer().then(|| {
            let (method, uri, headers) = (request.method(), request.uri(), request.headers());
            (ring.clone(), ring.begin(stamp.clone(), level.as_str(), method, uri, headers))
        });
        Self { begun: Instant::now(), level, stamp, kept }
    }

    fn answered<R>(&self, answer: &Response<R>) {
        let after = self.begun.elapsed();
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        let (stamp, status) = (&self.stamp, answer.status().as_u16());
        match self.level {
            DiagLevel::Off => {}
            DiagLevel::Shape => info!(stamp, status, "answered"),
            DiagLevel::ShapeTiming | DiagLevel::ShapeRewriteDiff => {
                info!(
                    stamp,
                    status,
                    after_us = u64::try_from(after.as_micros()).unwrap_or(u64::MAX),
                    "answered"
                );
            }
        }
        if let Some((ring, number)) = &self.kept {
            ring.answered(*number, status, answer.headers(), after_ms);
        }
    }
}
