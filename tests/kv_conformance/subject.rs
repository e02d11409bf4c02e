//! Who the story is told to, and what they say.

use std::fmt::{Debug, Write};
use std::sync::Arc;

use aldis_etcd::kv::etcd::{EtcdConnector, EtcdKv, EtcdOptions};
use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{KvPurge, KvReader, KvSource, KvTtl, KvWatcher, KvWriter};
use rig::etcd::Etcd;

/// Everything that a backend offers.
pub(crate) trait Backend: KvSource + KvReader + KvWriter + KvTtl + KvPurge + KvWatcher {}
impl<T: KvSource + KvReader + KvWriter + KvTtl + KvPurge + KvWatcher> Backend for T {}

pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) kv: Arc<dyn Backend>,
    /// What only an operator does.
    pub(crate) compact: Box<dyn Fn() + Send + Sync>,
}

impl Subject {
    pub(crate) fn memory() -> Self {
        let store = MemoryKv::new();
        let operator = store.clone();
        let compact = move || operator.compact(operator.revision()).expect("compacted");
        Self { name: "memory".to_owned(), kv: Arc::new(store), compact: Box::new(compact) }
    }

    /// Each version, over one connection and over endpoints in rotation.
    pub(crate) async fn every_etcd() -> Vec<Self> {
        let mut subjects = Vec::new();
        for version in Etcd::available() {
            for in_rotation in [false, true] {
                let etcd = Etcd::builder().version(&version).start();
                let options = EtcdOptions::new([etcd.endpoint()]);
                let kv: Arc<dyn Backend> = match in_rotation {
                    true => Arc::new(EtcdKv::connect(&options).await.expect("etcd answers")),
                    false => {
                        let connector = EtcdConnector::new(&options).expect("options");
                        Arc::new(connector.open(0).await.expect("etcd answers"))
                    }
                };
                let name = format!("etcd {version}{}", if in_rotation { " in rotation" } else { "" });
                subjects.push(Self { name, kv, compact: Box::new(move || etcd.compact()) });
            }
        }
        subjects
    }
}

/// What was seen, a line each.
#[derive(Default)]
pub(crate) struct Told(String);

impl Told {
    pub(crate) fn tell(&mut self, what: &str, seen: impl Debug) {
        let mut seen = format!("{seen:?}");
        if seen.len() > 2_000 {
            // Large values: what they are made of says enough.
            seen = format!("{}… {} bytes", seen.chars().take(200).collect::<String>(), seen.len());
        }
        writeln!(self.0, "{what}: {seen}").expect("a string takes it");
    }

    pub(crate) fn assert_same(&self, memory: &Self, name: &str) {
        for (number, (said, by_memory)) in self.0.lines().zip(memory.0.lines()).enumerate() {
            assert_eq!(by_memory, said, "{name} (right) differs from memory (left) at line {number}");
        }
        assert_eq!(memory.0.lines().count(), self.0.lines().count(), "{name}");
    }
}
