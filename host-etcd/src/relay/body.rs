//! The bodies of requests: bounded in size, in time, and in number.

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use aldis_core::limits::MAX_BODY_BYTES;

use super::Limits;
use super::problem::Problem;

/// Room beside a document for what else a request says. What is no larger as a whole needs no permit.
const SMALL: usize = 64 << 10;

/// A document of the largest size, with what else a request says.
const LARGEST: usize = MAX_BODY_BYTES + SMALL;

/// A body, and the right to hold it in memory.
pub(super) struct Held<'s> {
    pub(super) bytes: Bytes,
    _permit: Option<SemaphorePermit<'s>>,
}

/// Reads a body of up to the size of the largest document and a little more: what is just too large for a document should
/// be refused as one.
pub(super) async fn read<'s>(
    permits: &'s Semaphore,
    limits: &Limits,
    body: Body,
) -> Result<Held<'s>, Problem> {
    // What says that it is too large is not waited for.
    if body.size_hint().lower() > LARGEST as u64 {
        return Err(too_large());
    }
    let is_small = body.size_hint().upper().is_some_and(|bytes| bytes <= SMALL as u64);
    let permit = match is_small {
        true => None,
        false => Some(turn(permits, limits).await?),
    };
    let limited = Limited::new(body, LARGEST).collect();
    match timeout(limits.body, limited).await {
        Ok(Ok(whole)) => Ok(Held { bytes: whole.to_bytes(), _permit: permit }),
        Ok(Err(error)) => Err(failed(&*error)),
        Err(_) => {
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the request took too long to come"))
        }
    }
}

async fn turn<'s>(permits: &'s Semaphore, limits: &Limits) -> Result<SemaphorePermit<'s>, Problem> {
    match timeout(limits.body, permits.acquire()).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(Problem::unavailable("too many large requests at a time")),
    }
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Problem {
    match error.is::<LengthLimitError>() {
        true => too_large(),
        false => Problem::bad_request(format!("the request's body broke off: {error}")),
    }
}

fn too_large() -> Problem {
    let message = format!("a document has at most {MAX_BODY_BYTES} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
}
