//! The whole way: a put to a real etcd, a relay that follows it, and what the upstream behind Envoy sees.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use aldis_etcd::EtcdDirectiveStore;
use aldis_etcd::relay::Relay;
use rig::envoy::Builder;
use rig::etcd::Etcd;
use rig::upstream::Upstream;
use tokio::net::TcpListener;

use crate::flip::{tell, until_all};
use crate::module::module;
use crate::scene::{acme, connections, document, relayed};

const KEY: &str = "aldis/directives";
const PUTS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_put_to_etcd_flips_what_the_upstream_sees_on_every_worker() {
    let etcd = Etcd::start();
    let store = EtcdDirectiveStore::builder([etcd.endpoint()]).scope(KEY).connect().await.expect("connects");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address: SocketAddr = listener.local_addr().expect("is bound");
    let relay = tokio::spawn(Relay::new(store).serve(listener, std::future::pending()));
    tokio::task::spawn_blocking(move || flip(&etcd, address.port())).await.expect("holds");
    relay.abort();
}

fn flip(etcd: &Etcd, relay: u16) {
    let upstream = Upstream::start();
    let envoy = Builder::new(module(), &relayed(), upstream.port()).relay(relay).start();
    let mut connections = connections(&envoy);
    let times = (1..=PUTS).map(|put| {
        let level = if put % 2 == 1 { "Shape" } else { "ShapeTiming" };
        etcd.put(KEY, document(level).to_string());
        let begun = Instant::now();
        until_all(&mut connections, Some(level));
        begun.elapsed()
    });
    tell("from etcd by the relay", times.collect());
    assert_eq!(envoy.counter("revision"), u64::try_from(etcd.revision()).expect("fits"));
    // What is malformed changes nothing, for ten times as long as a flip takes.
    etcd.put(KEY, "{");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        assert_eq!(acme(&mut connections[0]).as_deref(), Some("ShapeTiming"));
    }
    etcd.delete(KEY);
    until_all(&mut connections, None);
}
