//! The example of a native proxy, in front of a real upstream and behind a real etcd: what it records, and that whatever
//! happens to etcd costs no request.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on ends, saying why"
)]

#[path = "native_proxy/collector.rs"]
mod collector;
#[path = "native_proxy/proxying.rs"]
mod proxying;
#[path = "native_proxy/scene.rs"]
mod scene;
#[path = "native_proxy/trouble.rs"]
mod trouble;
