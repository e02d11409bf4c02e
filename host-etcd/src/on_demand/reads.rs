//! One read of one tenant's document, from the gate to what is known.

use std::sync::Arc;
use std::time::Duration;

use aldis_core::UnixMillis;
use tokio::time::timeout;
use tracing::{Instrument, debug_span, info, warn};

use super::gate::{Closed, Comer, Gate};
use super::known::Known;
use super::{FetchOutcome, LoadError, TenantDirectives};
use crate::clock::Clock;
use crate::kv::{Header, Key, KvEntry, KvError, KvReader, Listing};

/// How often an answer that is behind an earlier one is asked for before it is believed: a server may lag, and a
/// cluster may have been restored.
const ASKS: usize = 3;

/// Reads tenants' documents.
pub(super) struct Reads {
    pub(super) reader: Arc<dyn KvReader>,
    pub(super) prefix: String,
    pub(super) gate: Gate,
    pub(super) known: Known,
    pub(super) clock: Clock,
    pub(super) deadline: Duration,
    pub(super) stale_limit: Duration,
}

type Fetched = (FetchOutcome, Result<Arc<TenantDirectives>, LoadError>);

impl Reads {
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Reads, if the gate lets it pass.
    pub(super) async fn read(&self, tenant: &str, key: &Key) -> Fetched {
        let last = self.known.header(tenant).await;
        let comer = if last.is_some() { Comer::Known } else { Comer::Stranger };
        let _place = match self.gate.enter(comer) {
            Ok(place) => place,
            Err(Closed::Busy) => return (FetchOutcome::Busy, Err(LoadError::Busy)),
            Err(Closed::Paused(cause)) => return (FetchOutcome::Paused, Err(LoadError::Paused(cause))),
        };
        let ask = self.ask(key, last).instrument(debug_span!("aldis_read"));
        match timeout(self.deadline, ask).await {
            Ok(Ok(answer)) => self.answered(tenant, answer).await,
            Ok(Err(cause)) => self.failed(cause),
            Err(_) => {
                let limit_ms = u64::try_from(self.deadline.as_millis()).unwrap_or(u64::MAX);
                self.failed(KvError::Timeout { operation: "read of a tenant's directives", limit_ms })
            }
        }
    }

    /// What was last known, if that is not too old: for want of an answer, which failed for this reason.
    pub(super) async fn last_known(
        &self,
        tenant: &str,
        error: LoadError,
    ) -> Result<Arc<TenantDirectives>, LoadError> {
        let Some(last) = self.known.last(tenant, self.clock.moment()).await else { return Err(error) };
        match self.age(last.confirmed) <= self.stale_limit {
            true => Ok(Arc::new(TenantDirectives { stale: Some(error), ..last })),
            false => Err(error),
        }
    }

    /// A read panicked: that counts as a failure.
    pub(super) fn panicked(&self) {
        self.pause(KvError::Failed { operation: "read", cause: "it panicked".to_owned() });
    }

    async fn ask(&self, key: &Key, last: Option<Header>) -> Result<(Header, Option<KvEntry>), KvError> {
        let is_behind = |header: Header| {
            last.is_some_and(|last| last.cluster_id == header.cluster_id && header.revision < last.revision)
        };
        for _ in 1..ASKS {
            let answer = self.reader.get(key).await?;
            if !is_behind(answer.0) {
                return Ok(answer);
            }
        }
        self.reader.get(key).await
    }

    async fn answered(&self, tenant: &str, (header, entry): (Header, Option<KvEntry>)) -> Fetched {
        self.gate.succeeded();
        let is_there = entry.is_some();
        let listing = Listing { header, entries: entry.into_iter().collect() };
        let (directives, refused) = self.known.take_in(tenant, listing, self.clock.moment()).await;
        if let Some(refusal) = refused {
            // Neither tenant nor key.
            warn!(revision = %refusal.revision, cause = %refusal.cause, "refused a tenant's document, its last good one stays");
        }
        let outcome = match (is_there, &directives.refusal) {
            (false, _) => FetchOutcome::Absent,
            (true, None) => FetchOutcome::Found,
            (true, Some(_)) => FetchOutcome::Refused,
        };
        (outcome, Ok(Arc::new(directives)))
    }

    fn failed(&self, cause: KvError) -> Fetched {
        self.pause(cause.clone());
        let outcome = match cause {
            KvError::Timeout { .. } => FetchOutcome::Timeout,
            _ => FetchOutcome::Failed,
        };
        (outcome, Err(LoadError::Read(cause)))
    }

    fn pause(&self, cause: KvError) {
        let text = cause.to_string();
        if let Some(pause) = self.gate.failed(cause) {
            info!(cause = text, ?pause, "a tenant's directives could not be read; nobody tries for a while");
        }
    }

    fn age(&self, point: UnixMillis) -> Duration {
        self.clock.now().saturating_since(point)
    }
}
