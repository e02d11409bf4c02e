//! A store of many directives that has missed much.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aldis_etcd::EtcdDirectiveStore;
use aldis_etcd::kv::KvWriter;
use aldis_etcd::kv::etcd::{EtcdKv, EtcdOptions};
use rig::etcd::Etcd;
use rig::eventually_blocking;
use rig::link::Link;
use tokio::runtime::Builder;

use super::flood::resident_bytes;
use super::{CONVERGENCE, runtime};

const DOCUMENTS: usize = 10;
const DIRECTIVES: usize = 1_000;

/// Transactions that it misses. etcd sends up to a thousand in one response.
const MISSED: usize = 1_000;

/// How much this process may grow meanwhile: the image of 10 000 directives takes 1 MiB, and a thousand of them would
/// be a thousand.
const GROWTH_BYTES: u64 = 64 << 20;

/// The proxy's runtime has one thread, and every change of one small document makes a set of all directives anew.
pub(crate) fn of_a_large_prefix() {
    let etcd = Etcd::start();
    let writers = runtime();
    let kv = writers.block_on(EtcdKv::connect(&EtcdOptions::new([etcd.endpoint()]))).expect("etcd answers");
    for number in 0..DOCUMENTS {
        let (key, value) = (format!("crowd/many/{number}").as_str().into(), large(number));
        writers.block_on(kv.put(&key, &value)).expect("put");
    }
    let link = Link::to(etcd.address());
    let proxy = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let store = EtcdDirectiveStore::builder([link.endpoint()]).scope("crowd/many/");
    let store = proxy.block_on(store.connect()).expect("etcd answers");
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let proxy = std::thread::spawn(move || {
        proxy.block_on(async {
            while !over.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    });

    link.cut();
    let last = Arc::new(AtomicU64::new(0));
    writers.block_on(async {
        for number in 0..MISSED {
            let value = super::document(&format!("small-{number}"), 0);
            let token = kv.put(&"crowd/many/small".into(), value.as_bytes()).await.expect("put");
            last.store(token.revision().expect("a revision").as_u64(), Ordering::Relaxed);
        }
    });
    let before = resident_bytes();
    let mut growth = 0;
    link.pass();
    let began = Instant::now();
    eventually_blocking("the last value is in force", CONVERGENCE, || {
        growth = growth.max(resident_bytes().saturating_sub(before));
        store.snapshot().revision.as_u64() == last.load(Ordering::Relaxed)
    });
    println!(
        "{MISSED} changes of a set of {DIRECTIVES} x {DOCUMENTS}: {:.1?}, grown by {} KiB",
        began.elapsed(),
        growth >> 10
    );
    assert!(growth <= GROWTH_BYTES, "grown by {growth} bytes");
    drop(store);
    is_over.store(true, Ordering::Relaxed);
    proxy.join().expect("the proxy's thread");
}

fn large(number: usize) -> Vec<u8> {
    let directives: Vec<String> = (0..DIRECTIVES)
        .map(|n| {
            format!(r#"{{"id":"d{number}-{n}","level":"Shape","ttl_secs":600,"tenant":"t{number}-{n}"}}"#)
        })
        .collect();
    format!(r#"{{"directives":[{}]}}"#, directives.join(",")).into_bytes()
}
