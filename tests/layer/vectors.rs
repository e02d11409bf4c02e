//! Every vector through a store and the layer: the document is published, and the request comes by in its time.

use std::convert::Infallible;
use std::sync::Arc;

use aldis_etcd::clock::Readings;
use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{Key, KvWriter};
use aldis_etcd::layer::{DecideLayer, Decided, Head, Mapping};
use aldis_etcd::publish::document;
use aldis_etcd::{DEFAULT_SCOPE, EtcdDirectiveStore, RefusalCause, UnixMillis};
use rig::vectors::{Engine, Refusal, Request, Verdict, all, differences};
use tokio::runtime::Runtime;
use tower::{Layer, ServiceExt, service_fn};

#[test]
fn every_vector_holds_through_the_layer() {
    // What is too large for etcd never comes through a store.
    let cases: Vec<_> = all().into_iter().filter(|case| case.vector.body().len() < 1_400_000).collect();
    assert!(cases.len() >= 400, "only {} vectors", cases.len());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let differences = differences(&mut Layered { runtime, absolute: Vec::new() }, &cases);
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

struct Layered {
    runtime: Runtime,
    /// The document, with its lifetimes as absolute points.
    absolute: Vec<u8>,
}

/// The clock stands still at this time.
struct At(u64);

impl Readings for At {
    fn monotonic(&self) -> u64 {
        0
    }

    fn wall(&self) -> Option<u64> {
        Some(self.0)
    }
}

/// A store that has found this document at this time.
async fn store_of(body: &[u8], now: UnixMillis) -> EtcdDirectiveStore {
    let kv = MemoryKv::new();
    kv.put(&Key::from(DEFAULT_SCOPE), body).await.expect("is written");
    let store = EtcdDirectiveStore::over(Arc::new(kv)).readings(Arc::new(At(now.as_u64())));
    store.connect().await.expect("starts")
}

/// The facts stand beside the request, labels and all.
#[derive(Clone)]
struct Beside;

impl Mapping for Beside {
    fn with<T>(&self, head: Head<'_>, decide: impl FnOnce(&aldis_etcd::Request<'_>) -> T) -> T {
        head.extensions.get::<Request>().expect("was put there").with_facts(decide)
    }
}

async fn verdict(request: http::Request<()>) -> Result<Verdict, Infallible> {
    let decided = Decided::of(request.extensions());
    Ok(Verdict {
        level: decided.level().to_string(),
        ring_buffer: decided.ring_buffer(),
        capture: decided.capture(),
        decided_by: decided.id().map(str::to_owned),
    })
}

impl Engine for Layered {
    fn name(&self) -> &str {
        "layer"
    }

    fn load(&mut self, body: &[u8], anchor: UnixMillis) -> Result<(), Refusal> {
        let store = self.runtime.block_on(store_of(body, anchor));
        if let Some((_, refusal)) = store.status().refused.pop_first() {
            let RefusalCause::Document(error) = refusal.cause else { panic!("there is one document") };
            return Err(Refusal {
                reason: error.reason().to_string(),
                path: error.path().to_string(),
                line: error.line(),
                column: error.column(),
                help: error.help().map(str::to_owned),
            });
        }
        self.absolute = document(store.snapshot().set.iter());
        Ok(())
    }

    fn decide(&mut self, request: &Request, now: UnixMillis) -> Verdict {
        self.runtime.block_on(async {
            let layer = DecideLayer::new(store_of(&self.absolute, now).await, Beside);
            let request = http::Request::get("/").extension(request.clone()).body(()).expect("is legal");
            layer.layer(service_fn(verdict)).oneshot(request).await.expect("never fails")
        })
    }
}
