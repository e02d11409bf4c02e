//! Directives on demand over the embedded backend: what is cached, what is kept, and what a stranger can do.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends, saying why")]

#[path = "on_demand/crowd.rs"]
mod crowd;
#[path = "on_demand/documents.rs"]
mod documents;
#[path = "state_directory/machine.rs"]
mod machine;
#[path = "on_demand/outage.rs"]
mod outage;
#[path = "on_demand/reader.rs"]
mod reader;
#[path = "on_demand/time.rs"]
mod time;

use std::sync::Arc;
use std::time::{Duration, Instant};

use aldis_etcd::fetch_cache::CacheOutcome;
use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{KvWriter, Revision};
use aldis_etcd::on_demand::{FetchOutcome, LoadError, TenantDirectives};
use aldis_etcd::{Decision, DiagLevel, EndpointKind, OnDemandBuilder, OnDemandDirectives, Request};

use self::reader::{Mood, Moody};

const PREFIX: &str = "aldis/tenants/";

/// So short that a test can wait for its end.
const TTL: Duration = Duration::from_millis(40);

/// Far beyond what a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A store in memory, and directives on demand over it.
struct Bench {
    kv: MemoryKv,
    reader: Arc<Moody>,
    on_demand: OnDemandDirectives,
}

impl Bench {
    /// With a lifetime that does not end during a test.
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    fn with(configure: impl FnOnce(OnDemandBuilder) -> OnDemandBuilder) -> Self {
        let kv = MemoryKv::new();
        let reader = Arc::new(Moody::over(&kv));
        let builder = OnDemandDirectives::over(Arc::<Moody>::clone(&reader), PREFIX);
        let on_demand = configure(builder.ttl(Duration::from_secs(3600))).build().expect("has a clock");
        Self { kv, reader, on_demand }
    }

    async fn put(&self, tenant: &str, document: &str) -> Revision {
        let key = self.on_demand.key(tenant).expect("a good name");
        let version = self.kv.put(&key, document.as_bytes()).await.expect("put");
        version.revision().expect("the embedded backend counts by revisions")
    }

    async fn delete(&self, tenant: &str) {
        self.kv.delete(&self.on_demand.key(tenant).expect("a good name")).await.expect("delete");
    }

    async fn load(&self, tenant: &str) -> (CacheOutcome<FetchOutcome>, Arc<TenantDirectives>) {
        let (outcome, directives) = self.on_demand.load(tenant).await;
        (outcome, directives.expect("something is known"))
    }

    /// Loads until an answer is not from the cache any more.
    async fn load_anew(&self, tenant: &str) -> (FetchOutcome, Arc<TenantDirectives>) {
        let began = Instant::now();
        loop {
            if let (CacheOutcome::MissFetched { outcome: Some(outcome) }, directives) =
                self.load(tenant).await
            {
                return (outcome, directives);
            }
            assert!(began.elapsed() < PATIENCE, "the cache keeps it");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Loads until the store is read again.
    async fn recovered(&self, tenant: &str) -> Arc<TenantDirectives> {
        let began = Instant::now();
        loop {
            if let (_, Ok(directives)) = self.on_demand.load(tenant).await
                && directives.stale.is_none()
            {
                return directives;
            }
            assert!(began.elapsed() < PATIENCE, "it is not read again");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn fetched(outcome: FetchOutcome) -> CacheOutcome<FetchOutcome> {
    CacheOutcome::MissFetched { outcome: Some(outcome) }
}

fn document(id: &str) -> String {
    format!(r#"{{"directives":[{{"id":"{id}","level":"Shape","ttl_secs":600}}]}}"#)
}

fn ids(directives: &Arc<TenantDirectives>) -> String {
    directives.set.iter().map(|directive| directive.id.into_owned()).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn the_first_need_reads_and_the_next_does_not() {
    let bench = Bench::new();
    let revision = bench.put("acme", &document("one")).await;
    let (outcome, directives) = bench.load("acme").await;
    assert_eq!((outcome, ids(&directives).as_str()), (fetched(FetchOutcome::Found), "one"));
    assert_eq!((directives.revision, &directives.refusal, &directives.stale), (revision, &None, &None));
    let (outcome, again) = bench.load("acme").await;
    assert!(outcome == CacheOutcome::Hit && Arc::ptr_eq(&directives, &again));
    assert_eq!((bench.reader.calls(), bench.on_demand.cached().await), (1, 1));
}

#[tokio::test]
async fn tenants_have_their_own_documents_and_one_without_has_none_and_that_is_cached() {
    let bench = Bench::new();
    bench.put("acme", &document("one")).await;
    bench.put("globex", &document("two")).await;
    for (tenant, ids_in_force) in [("acme", "one"), ("globex", "two"), ("initech", "")] {
        assert_eq!(ids(&bench.load(tenant).await.1), ids_in_force);
        assert_eq!(bench.load(tenant).await.0, CacheOutcome::Hit, "{tenant}");
    }
    assert_eq!(bench.reader.calls(), 3);
    assert_eq!(Bench::new().load("initech").await.0, fetched(FetchOutcome::Absent));
}

#[tokio::test]
async fn a_hit_allocates_nothing() {
    let bench = Bench::new();
    bench.put("acme", &document("one")).await;
    bench.load("acme").await;
    // The cache's own book-keeping comes now and then.
    let quietest = (0..100).map(|_| {
        let mut load = std::pin::pin!(bench.on_demand.load("acme"));
        allocation_counter::measure(|| {
            let ready = futures_util::FutureExt::now_or_never(load.as_mut());
            assert!(matches!(ready, Some((CacheOutcome::Hit, Ok(_)))));
        })
        .count_total
    });
    assert_eq!(quietest.min(), Some(0));
}

#[tokio::test]
async fn a_document_applies_to_its_tenants_requests_as_written() {
    let bench = Bench::new();
    let directives = r#"{"directives":[
        {"id":"search","level":"ShapeTiming","ttl_secs":600,"endpoint":"Search"},
        {"id":"other","level":"ShapeRewriteDiff","ttl_secs":600,"tenant":"globex"}]}"#;
    bench.put("acme", directives).await;
    let search = |tenant| Request { endpoint: Some(EndpointKind::Search), tenant, ..Request::EMPTY };
    let decision = bench.on_demand.decide("acme", &search(Some("acme"))).await;
    assert_eq!(decision.level, DiagLevel::ShapeTiming);
    let none = bench.on_demand.decide("acme", &Request { tenant: Some("acme"), ..Request::EMPTY }).await;
    assert_eq!(none, Decision::OFF);
    let other = bench.on_demand.decide("globex", &search(Some("globex"))).await;
    assert_eq!(other, Decision::OFF, "a document is consulted for its own tenant only");
}

#[tokio::test]
async fn a_change_shows_after_the_lifetime_and_so_does_an_end() {
    let bench = Bench::with(|builder| builder.ttl(TTL));
    bench.put("acme", &document("one")).await;
    bench.load("acme").await;
    let revision = bench.put("acme", &document("two")).await;
    let (outcome, directives) = bench.load_anew("acme").await;
    assert_eq!((outcome, ids(&directives).as_str()), (FetchOutcome::Found, "two"));
    assert_eq!(directives.revision, revision);
    bench.delete("acme").await;
    let (outcome, directives) = bench.load_anew("acme").await;
    assert_eq!((outcome, ids(&directives).as_str()), (FetchOutcome::Absent, ""));
    assert_eq!(bench.on_demand.decide("acme", &Request::EMPTY).await, Decision::OFF);
}

#[tokio::test]
async fn a_prefix_without_its_slash_gets_it() {
    let on_demand =
        OnDemandDirectives::over(Arc::new(MemoryKv::new()), "aldis/tenants").build().expect("a clock");
    assert_eq!(on_demand.key("acme"), Ok("aldis/tenants/acme".into()));
}

#[tokio::test]
async fn a_tenant_that_cannot_be_one_is_off_and_nothing_is_read() {
    let bench = Bench::new();
    for tenant in ["", "x".repeat(257).as_str()] {
        let (outcome, directives) = bench.on_demand.load(tenant).await;
        assert_eq!(outcome, fetched(FetchOutcome::BadTenant));
        assert_eq!(directives, Err(LoadError::BadTenant { bytes: tenant.len() }));
        assert_eq!(bench.on_demand.decide(tenant, &Request::EMPTY).await, Decision::OFF);
    }
    assert_eq!((bench.reader.calls(), bench.on_demand.cached().await), (0, 0));
}

#[tokio::test]
async fn a_tenant_with_a_slash_does_not_reach_below_another() {
    let bench = Bench::new();
    bench
        .kv
        .put(&format!("{PREFIX}acme/secret").as_str().into(), document("below").as_bytes())
        .await
        .expect("put");
    assert_eq!(bench.load("acme/secret").await.0, fetched(FetchOutcome::Absent));
    bench.put("acme/secret", &document("own")).await;
    bench.put("acme%2Fsecret", &document("another's")).await;
    let fresh = Bench {
        on_demand: OnDemandDirectives::over(Arc::new(bench.kv.clone()), PREFIX).build().expect("a clock"),
        ..bench
    };
    assert_eq!(ids(&fresh.load("acme/secret").await.1), "own");
    assert_eq!(ids(&fresh.load("acme%2Fsecret").await.1), "another's");
}
