//! What a subscriber records of requests.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use aldis_etcd::DiagLevel;
use aldis_etcd::layer::{DecideLayer, DecisionFilter};
use tower::{Layer as _, ServiceExt, service_fn};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber, debug, info, trace};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

use crate::{DOCUMENT, of_tenant, store, tenant};

/// What was recorded, a line each.
#[derive(Clone, Default)]
struct Recorded(Arc<Mutex<Vec<String>>>);

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0 += &format!(" {}={value:?}", field.name());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorded {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut text = Text(attributes.metadata().name().to_owned());
        attributes.record(&mut text);
        self.0.lock().expect("unbroken").push(text.0);
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text(event.metadata().level().to_string());
        event.record(&mut text);
        self.0.lock().expect("unbroken").push(text.0);
    }
}

async fn handle(_: http::Request<()>) -> Result<(), Infallible> {
    info!("coarse");
    // What happens after a pause is recorded as what happens before.
    tokio::task::yield_now().await;
    debug!("fine");
    trace!("finest");
    Ok(())
}

/// What is recorded of a request of this tenant, and of what is done beside it.
async fn recorded_of(name: &str, filter: DecisionFilter) -> Vec<String> {
    let recorded = Recorded::default();
    // It has something to say when it ends, too.
    let store = store(DOCUMENT).await;
    let service = DecideLayer::new(store.clone(), tenant).layer(service_fn(handle));
    let subscriber = tracing_subscriber::registry().with(recorded.clone().with_filter(filter));
    let guard = tracing::subscriber::set_default(subscriber);
    let handling = service.oneshot(of_tenant(name));
    let beside = async {
        info!("beside, coarse");
        debug!("beside, fine");
    };
    let (handled, ()) = tokio::join!(handling, beside);
    handled.expect("never fails");
    drop(guard);
    drop(store);
    recorded.0.lock().expect("unbroken").clone()
}

#[tokio::test]
async fn of_a_request_that_was_decided_about_more_is_recorded_and_of_all_else_no_more() {
    let filter = DecisionFilter::new(LevelFilter::WARN)
        .of(DiagLevel::Shape, LevelFilter::INFO)
        .of(DiagLevel::ShapeTiming, LevelFilter::DEBUG);
    let acme = recorded_of("acme", filter).await;
    let fields = "aldis.level=\"ShapeTiming\" aldis.decided_by=timing aldis.revision=2 aldis.ring_buffer=false aldis.capture=false";
    assert_eq!(
        acme,
        [
            format!("aldis_request {fields}"),
            "INFO message=coarse".to_owned(),
            "DEBUG message=fine".to_owned()
        ]
    );
    let beta = recorded_of("beta", filter).await;
    assert_eq!(beta[1..], ["INFO message=coarse"]);
    assert_eq!(recorded_of("other", filter).await, [""; 0]);
}

#[tokio::test]
async fn a_request_can_be_recorded_less_than_all_else() {
    let filter = DecisionFilter::new(LevelFilter::DEBUG).of(DiagLevel::Shape, LevelFilter::WARN);
    let beside = ["INFO message=beside, coarse", "DEBUG message=beside, fine"];
    let acme = recorded_of("acme", filter).await;
    assert!(acme[0].starts_with("aldis_request "), "{acme:?}");
    assert_eq!(acme[1..], beside);
    let other = recorded_of("other", filter).await;
    assert!(
        other.contains(&"DEBUG message=fine".to_owned()) && other.contains(&beside[0].to_owned()),
        "{other:?}"
    );
}

/// As for what is exported: nothing but requests of a level, with what happens inside them.
#[tokio::test]
async fn what_is_recorded_of_no_other_request_is_recorded_of_none_below_the_level_either() {
    let filter = DecisionFilter::new(LevelFilter::OFF).of(DiagLevel::ShapeTiming, LevelFilter::INFO);
    let acme = recorded_of("acme", filter).await;
    assert!(acme[0].starts_with("aldis_request aldis.level=\"ShapeTiming\""), "{acme:?}");
    assert_eq!(acme[1..], ["INFO message=coarse"]);
    assert_eq!(recorded_of("beta", filter).await, [""; 0]);
    assert_eq!(recorded_of("other", filter).await, [""; 0]);
}
