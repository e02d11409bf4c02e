//! The task that keeps a lease.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::oneshot;
use tracing::{Instrument, error, info, info_span, warn};

use super::leased::Leased;
use crate::backoff::Backoff;
use crate::kv::KvError;

/// Ceiling of the first delay after a renewal that failed.
const RETRY_BASE: Duration = Duration::from_millis(500);

/// Ceiling of every delay after one.
const RETRY_CAP: Duration = Duration::from_secs(5);

/// How it went to end the lease.
type Ended = Result<(), KvError>;

/// The handle of the task. Dropping it ends the task, which ends the lease as well as it can.
pub(super) struct Keeper {
    leased: Arc<Leased>,
    end: oneshot::Sender<oneshot::Sender<Ended>>,
}

impl Keeper {
    pub(super) fn spawn(leased: Leased) -> Self {
        let leased = Arc::new(leased);
        let (end, ending) = oneshot::channel();
        tokio::spawn(run(Arc::clone(&leased), ending).instrument(info_span!("aldis_pub")));
        Self { leased, end }
    }

    pub(super) fn leased(&self) -> &Leased {
        &self.leased
    }

    pub(super) async fn close(self) -> Ended {
        let (sender, ended) = oneshot::channel();
        // Without the task the sender is dropped, and so the answer.
        let _task_is_gone = self.end.send(sender);
        let gone = || KvError::Failed { operation: "revoke", cause: "the runtime has ended".to_owned() };
        ended.await.unwrap_or_else(|_| Err(gone()))
    }
}

async fn run(leased: Arc<Leased>, mut ending: oneshot::Receiver<oneshot::Sender<Ended>>) {
    let mut delays = Backoff::new(RETRY_BASE, RETRY_CAP, fastrand::u64(..));
    let lifetime = leased.status().lease.map(|lease| lease.ttl).unwrap_or_default();
    let mut delay = lifetime / 3;
    let asker = loop {
        let kept = async {
            tokio::time::sleep(delay).await;
            // Whatever is dropped midway, here by the end, is taken up by the next call.
            AssertUnwindSafe(leased.keep()).catch_unwind().await
        };
        let kept = tokio::select! {
            biased;
            asker = &mut ending => break asker.ok(),
            kept = kept => kept,
        };
        delay = match kept {
            Ok(Ok(lifetime)) => {
                delays.reset();
                lifetime / 3
            }
            Ok(Err(cause)) => {
                warn!(%cause, "the lease is not renewed");
                delays.next_delay().min(lifetime / 3)
            }
            Err(_) => {
                error!("the renewal of the lease panicked; it is tried again");
                delays.next_delay()
            }
        };
    };
    let ended = leased.end().await;
    info!(ok = ended.is_ok(), "the publisher has ended");
    if let Some(asker) = asker {
        // Nobody waits any more if the close was abandoned.
        let _abandoned = asker.send(ended);
    }
}
