//! The tower layer: it decides as the core does, costs nothing while a request is off, and lets a subscriber record more.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on ends, saying why"
)]

#[path = "layer/deciding.rs"]
mod deciding;
#[path = "layer/frameworks.rs"]
mod frameworks;
#[path = "layer/subscribing.rs"]
mod subscribing;
#[path = "layer/vectors.rs"]
mod vectors;

use std::sync::Arc;

use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{Key, KvWriter};
use aldis_etcd::layer::Head;
use aldis_etcd::{EtcdDirectiveStore, Request};

/// One of each kind, until 2040.
const DOCUMENT: &str = r#"{"directives":[
    {"id":"timing","level":"ShapeTiming","expires_at":"2040-01-01T00:00:00Z","tenant":"acme"},
    {"id":"shape","level":"Shape","expires_at":"2040-01-01T00:00:00Z","tenant":"beta","capture":true},
    {"id":"ring","level":"Off","ring_buffer":true,"expires_at":"2040-01-01T00:00:00Z","tenant":"gamma"}]}"#;

fn tenant(head: Head<'_>) -> Request<'_> {
    Request { tenant: head.header("x-tenant"), ..Request::EMPTY }
}

async fn store(document: &str) -> EtcdDirectiveStore {
    let kv = MemoryKv::new();
    kv.put(&Key::from(aldis_etcd::DEFAULT_SCOPE), document.as_bytes()).await.expect("is written");
    EtcdDirectiveStore::over(Arc::new(kv)).connect().await.expect("starts")
}

fn of_tenant(name: &str) -> http::Request<()> {
    http::Request::get("/").header("x-tenant", name).body(()).expect("is legal")
}
