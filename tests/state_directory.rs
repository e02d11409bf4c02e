//! A store over a state directory: what survives its end, on the embedded backend, with the machine's clock in hand.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends, saying why")]

#[path = "state_directory/crash.rs"]
mod crash;
#[path = "state_directory/late.rs"]
mod late;
#[path = "state_directory/machine.rs"]
mod machine;
#[path = "state_directory/start.rs"]
mod start;
#[path = "state_directory/time.rs"]
mod time;
#[path = "state_directory/trouble.rs"]
mod trouble;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{Connect, KvError, KvSource, KvWriter};
use aldis_etcd::{Builder, DirectiveStore, EtcdDirectiveStore};
use async_trait::async_trait;
use rig::eventually;

const KEY: &str = "aldis/directives";

/// Real time: the disk does not know of virtual time.
const PATIENCE: Duration = Duration::from_secs(60);

/// The embedded backend behind a switch.
#[derive(Clone)]
struct Switch {
    kv: MemoryKv,
    is_down: Arc<AtomicBool>,
}

impl Switch {
    fn new() -> Self {
        Self { kv: MemoryKv::new(), is_down: Arc::default() }
    }

    fn off(&self) {
        self.is_down.store(true, Ordering::Relaxed);
        self.kv.cut_watches();
    }

    fn on(&self) {
        self.is_down.store(false, Ordering::Relaxed);
    }

    async fn put(&self, value: impl AsRef<[u8]>) {
        self.kv.put(&KEY.into(), value.as_ref()).await.expect("put");
    }

    fn builder(&self, directory: &Path) -> Builder {
        let builder = EtcdDirectiveStore::over(Arc::new(self.clone())).scope(KEY);
        builder.state_directory(directory).flush_limit(PATIENCE)
    }

    async fn store(&self, directory: &Path) -> EtcdDirectiveStore {
        self.builder(directory).connect().await.expect("memory answers")
    }
}

#[async_trait]
impl Connect for Switch {
    fn endpoints(&self) -> &[String] {
        self.kv.endpoints()
    }

    async fn connect(&self, endpoint: usize) -> Result<Box<dyn KvSource>, KvError> {
        match self.is_down.load(Ordering::Relaxed) {
            true => Err(KvError::Failed { operation: "connect", cause: "it is switched off".to_owned() }),
            false => self.kv.connect(endpoint).await,
        }
    }
}

fn document(id: &str, ttl_secs: u64) -> String {
    format!(r#"{{"directives":[{{"id":"{id}","level":"Shape","ttl_secs":{ttl_secs},"tenant":"acme"}}]}}"#)
}

fn ids(store: &EtcdDirectiveStore) -> String {
    store.load().iter().map(|directive| directive.id.into_owned()).collect::<Vec<_>>().join(" ")
}

async fn shows(store: &EtcdDirectiveStore, expected: &str) {
    eventually(&format!("the store shows {expected:?}"), PATIENCE, || ids(store) == expected).await;
}
