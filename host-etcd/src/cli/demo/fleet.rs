//! The proxy of the story: one store, and both engines.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aldis_core::{DiagLevel, EndpointKind, Request, UnixMillis};

use crate::cli::failure::Failure;
use crate::kv::memory::MemoryKv;
use crate::sink::guest::{GuestEngine, GuestLimits, GuestSink};
use crate::status::State;
use crate::store::{EtcdDirectiveStore, Reader};

/// A search of the tenant acme.
pub(super) const ACME: Request<'static> =
    Request { tenant: Some("acme"), endpoint: Some(EndpointKind::Search), ..Request::EMPTY };

/// A search of the tenant beta.
pub(super) const BETA: Request<'static> =
    Request { tenant: Some("beta"), endpoint: Some(EndpointKind::Search), ..Request::EMPTY };

pub(super) struct Fleet {
    store: EtcdDirectiveStore,
    reader: Reader,
    guests: Arc<GuestSink>,
}

impl Fleet {
    pub(super) async fn start(kv: &MemoryKv) -> Result<Self, Failure> {
        let guests = guests()?;
        let builder = EtcdDirectiveStore::over(Arc::new(kv.clone()));
        let builder = builder.sink(Arc::<GuestSink>::clone(&guests));
        let store = builder.connect().await.map_err(|error| Failure::trouble(error.to_string()))?;
        let reader = store.reader();
        Ok(Self { store, reader, guests })
    }

    /// What each engine decides on a request, now.
    fn levels(&mut self, request: &Request<'_>) -> Vec<(&'static str, DiagLevel)> {
        let now = self.store.now();
        vec![
            ("native", self.reader.load().evaluate(request, now).level),
            ("WASM", self.guests.evaluate(request, now).level),
        ]
    }

    /// Whether every engine decides so, now.
    pub(super) fn all_decide(&mut self, request: &Request<'_>, level: DiagLevel) -> bool {
        self.levels(request).into_iter().all(|(_, decided)| decided == level)
    }

    /// The same in words: `native Shape, WASM Shape`.
    pub(super) fn tell(&mut self, request: &Request<'_>) -> String {
        let told: Vec<_> =
            self.levels(request).into_iter().map(|(engine, level)| format!("{engine} {level}")).collect();
        told.join(", ")
    }

    /// Whether it comes true in time.
    pub(super) async fn until(
        &mut self,
        patience: Duration,
        mut is_so: impl FnMut(&mut Self) -> bool,
    ) -> bool {
        let start = Instant::now();
        while !is_so(self) {
            if start.elapsed() > patience {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        true
    }

    /// What the store refuses at present.
    pub(super) fn refusal(&self) -> Option<String> {
        self.store.status().refused.into_values().next().map(|refusal| refusal.cause.to_string())
    }

    pub(super) fn first_end(&mut self) -> Option<UnixMillis> {
        self.reader.load().earliest_expiry()
    }

    pub(super) fn now(&self) -> UnixMillis {
        self.store.now()
    }

    pub(super) fn is_live_and_empty(&self) -> bool {
        let status = self.store.status();
        status.state == State::Live && status.directives == 0
    }
}

fn guests() -> Result<Arc<GuestSink>, Failure> {
    let engine = GuestEngine::embedded(GuestLimits::STANDARD);
    let engine = engine.map_err(|error| Failure::trouble(format!("the guest does not compile: {error}")))?;
    Ok(Arc::new(GuestSink::new(engine, NonZeroUsize::MIN)))
}
