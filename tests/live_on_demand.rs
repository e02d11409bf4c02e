//! Directives on demand on a real etcd, also through links that fail.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends, saying why")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use aldis_etcd::fetch_cache::CacheOutcome;
use aldis_etcd::kv::etcd::{EtcdKv, EtcdOptions};
use aldis_etcd::on_demand::{FetchOutcome, LoadError, TenantDirectives};
use aldis_etcd::{Decision, DiagLevel, OnDemandDirectives, Request};
use rig::etcd::Etcd;
use rig::link::{Blackhole, Link};

const PREFIX: &str = "aldis/tenants/";

/// So short that a test can wait for its end.
const TTL: Duration = Duration::from_millis(100);

/// How long a request waits at most.
const DEADLINE: Duration = Duration::from_millis(500);

/// The same, and room for a machine that stalls. Without a deadline it would be as long as etcd is away, or the 5 s of a
/// call and the 5 s of a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the contract allows from the end of a fault to the present value, and room for a machine that stalls.
const CONVERGENCE: Duration = Duration::from_secs(20);

async fn on_demand(endpoints: &[String], deadline: Duration) -> OnDemandDirectives {
    let kv = EtcdKv::connect(&EtcdOptions::new(endpoints)).await.expect("etcd answers");
    OnDemandDirectives::over(Arc::new(kv), PREFIX).ttl(TTL).deadline(deadline).build().expect("has a clock")
}

fn document(id: &str) -> String {
    format!(r#"{{"directives":[{{"id":"{id}","level":"Shape","ttl_secs":600}}]}}"#)
}

fn put(etcd: &Etcd, tenant: &str, document: impl AsRef<str>) {
    etcd.put(&format!("{PREFIX}{tenant}"), document.as_ref());
}

fn ids(directives: &TenantDirectives) -> String {
    directives.set.iter().map(|directive| directive.id.into_owned()).collect::<Vec<_>>().join(" ")
}

/// Loads until what is known is as it should be.
async fn becomes(
    on_demand: &OnDemandDirectives,
    tenant: &str,
    is_so: impl Fn(&TenantDirectives) -> bool,
) -> Arc<TenantDirectives> {
    let began = Instant::now();
    loop {
        let asked = Instant::now();
        let answer = on_demand.load(tenant).await.1;
        assert!(asked.elapsed() < PATIENCE, "a request waited for {:?}", asked.elapsed());
        match answer {
            Ok(directives) if is_so(&directives) => return directives,
            other => assert!(began.elapsed() < CONVERGENCE, "not within {CONVERGENCE:?}: {other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn shows(id: &str) -> impl Fn(&TenantDirectives) -> bool {
    move |directives| directives.stale.is_none() && ids(directives) == id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_are_read_at_first_need_followed_and_refused_as_in_memory() {
    for version in Etcd::available() {
        let etcd = Etcd::builder().version(&version).start();
        put(&etcd, "acme", document("one"));
        let on_demand = on_demand(&[etcd.endpoint()], PATIENCE).await;
        let (outcome, directives) = on_demand.load("acme").await;
        assert_eq!(outcome, CacheOutcome::MissFetched { outcome: Some(FetchOutcome::Found) }, "{version}");
        let first = directives.expect("is read");
        assert_eq!((ids(&first).as_str(), first.revision.as_u64()), ("one", 2));
        let (outcome, absent) = on_demand.load("initech").await;
        assert_eq!(outcome, CacheOutcome::MissFetched { outcome: Some(FetchOutcome::Absent) });
        assert!(absent.expect("is no error").set.is_empty());
        put(&etcd, "acme", "malformed");
        let refused = becomes(&on_demand, "acme", |directives| directives.refusal.is_some()).await;
        assert_eq!((ids(&refused).as_str(), refused.digest), ("one", first.digest));
        assert_eq!(refused.set.latest_expiry(), first.set.latest_expiry(), "no read moves an end");
        assert_eq!(refused.refusal.as_ref().map(|refusal| refusal.revision.as_u64()), Some(3));
        put(&etcd, "acme", document("two"));
        assert_eq!(becomes(&on_demand, "acme", shows("two")).await.refusal, None);
        etcd.delete(&format!("{PREFIX}acme"));
        becomes(&on_demand, "acme", shows("")).await;
        assert_eq!(on_demand.decide("acme", &Request::EMPTY).await, Decision::OFF);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_leaves_what_is_known_and_says_so_and_is_over_when_it_is() {
    let etcd = Etcd::start();
    let link = Link::to(etcd.address());
    put(&etcd, "acme", document("one"));
    let on_demand = on_demand(&[link.endpoint()], DEADLINE).await;
    becomes(&on_demand, "acme", shows("one")).await;
    link.cut();
    let stale = becomes(&on_demand, "acme", |directives| directives.stale.is_some()).await;
    assert_eq!((ids(&stale).as_str(), stale.refusal.is_none()), ("one", true));
    assert_eq!(on_demand.decide("acme", &Request::EMPTY).await.level, DiagLevel::Shape);
    assert_eq!(on_demand.decide("stranger", &Request::EMPTY).await, Decision::OFF);
    put(&etcd, "acme", document("two"));
    link.pass();
    becomes(&on_demand, "acme", shows("two")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_etcd_that_is_stopped_holds_no_request_longer_than_the_deadline() {
    let etcd = Etcd::start();
    put(&etcd, "acme", document("one"));
    let on_demand = on_demand(&[etcd.endpoint()], DEADLINE).await;
    becomes(&on_demand, "acme", shows("one")).await;
    etcd.stop();
    tokio::time::sleep(TTL * 2).await;
    let stale = becomes(&on_demand, "acme", |directives| directives.stale.is_some()).await;
    assert!(matches!(stale.stale, Some(LoadError::Read(_) | LoadError::Paused(_))), "{stale:?}");
    let stranger = on_demand.load("stranger").await.1.expect_err("nothing is known");
    assert!(matches!(stranger, LoadError::Read(_) | LoadError::Paused(_)), "{stranger:?}");
    etcd.cont();
    put(&etcd, "acme", document("two"));
    becomes(&on_demand, "acme", shows("two")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_black_hole_is_left_for_the_other_endpoint() {
    let etcd = Etcd::start();
    let link = Link::to(etcd.address());
    put(&etcd, "acme", document("one"));
    let on_demand = on_demand(&[link.endpoint(), etcd.endpoint()], DEADLINE).await;
    becomes(&on_demand, "acme", shows("one")).await;
    link.blackhole(Blackhole::Both);
    put(&etcd, "acme", document("two"));
    becomes(&on_demand, "acme", shows("two")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_takes_longer_to_connect_than_requests_wait_does_not_keep_the_others_from_being_tried()
 {
    let etcd = Etcd::start();
    let [good, black] = [Link::to(etcd.address()), Link::to(etcd.address())];
    put(&etcd, "acme", document("one"));
    let on_demand = on_demand(&[good.endpoint(), black.endpoint()], DEADLINE).await;
    becomes(&on_demand, "acme", shows("one")).await;
    black.blackhole(Blackhole::Both);
    good.cut();
    becomes(&on_demand, "acme", |directives| directives.stale.is_some()).await;
    // Long enough for the black one to be tried, in vain.
    tokio::time::sleep(DEADLINE * 2).await;
    on_demand.load("acme").await.1.expect("is known");
    put(&etcd, "acme", document("two"));
    good.pass();
    becomes(&on_demand, "acme", shows("two")).await;
}
