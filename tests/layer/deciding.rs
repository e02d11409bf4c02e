//! What stands beside a request, and what it costs.

use std::convert::Infallible;
use std::future::{Ready, ready};

use aldis_etcd::layer::{DecideLayer, Decided};
use aldis_etcd::{Decision, DiagLevel};
use allocation_counter::measure;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::{DOCUMENT, of_tenant, store, tenant};

/// Says what it finds beside the request.
fn show(request: http::Request<()>) -> Ready<Result<Decided, Infallible>> {
    ready(Ok(Decided::of(request.extensions()).clone()))
}

#[tokio::test]
async fn a_request_has_its_decision_beside_it_and_what_that_came_from() {
    let store = store(DOCUMENT).await;
    let service = DecideLayer::new(store.clone(), tenant).layer(service_fn(show));
    let decided = async |name: &str| service.clone().oneshot(of_tenant(name)).await.expect("never fails");
    let acme = decided("acme").await;
    assert_eq!((acme.level(), acme.id(), acme.capture()), (DiagLevel::ShapeTiming, Some("timing"), false));
    let snapshot = store.snapshot();
    assert_eq!((acme.revision(), acme.digest()), (Some(snapshot.revision), Some(snapshot.digest)));
    let digest: String = snapshot.digest.to_string().chars().take(12).collect();
    assert_eq!(acme.stamp().to_string(), format!("{}:{digest}:timing", snapshot.revision));
    let beta = decided("beta").await;
    assert_eq!((beta.level(), beta.id(), beta.capture()), (DiagLevel::Shape, Some("shape"), true));
    let gamma = decided("gamma").await;
    assert_eq!((gamma.level(), gamma.ring_buffer(), gamma.id()), (DiagLevel::Off, true, Some("ring")));
    let other = decided("other").await;
    assert_eq!((other.decision(), other.id(), other.revision()), (Decision::OFF, None, None));
    assert_eq!(other.stamp().to_string(), "-");
}

/// Somebody in front may have decided by other directives, or a test may have left something.
#[tokio::test]
async fn a_decision_that_came_with_the_request_does_not_count() {
    let service = DecideLayer::new(store(DOCUMENT).await, tenant).layer(service_fn(show));
    let acme = service.clone().oneshot(of_tenant("acme")).await.expect("never fails");
    let mut other = of_tenant("other");
    other.extensions_mut().insert(acme);
    let decided = service.oneshot(other).await.expect("never fails");
    assert_eq!(decided.decision(), Decision::OFF);
}

fn is_off(request: http::Request<()>) -> Ready<Result<bool, Infallible>> {
    ready(Ok(Decided::of(request.extensions()).decision() == Decision::OFF))
}

#[tokio::test]
async fn a_request_that_is_off_allocates_nothing() {
    for (document, name, allocates) in
        [(r#"{"directives":[]}"#, "acme", false), (DOCUMENT, "other", false), (DOCUMENT, "acme", true)]
    {
        let mut service = DecideLayer::new(store(document).await, tenant).layer(service_fn(is_off));
        let mut call = |request| {
            let mut answer = service.call(request);
            std::pin::Pin::new(&mut answer)
                .poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
        };
        // The first request of a thread may set something up.
        let _ = call(of_tenant(name));
        let request = of_tenant(name);
        let counted = measure(|| {
            let answer = call(request);
            assert!(answer.is_ready());
        });
        assert_eq!(counted.count_total > 0, allocates, "{name}: {counted:?}");
    }
}
