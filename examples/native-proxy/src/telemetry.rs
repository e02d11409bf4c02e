//! What is logged, and what is exported: spans of those requests that a directive asks timings of, and of no others.

use std::io;

use aldis_etcd::DiagLevel;
use aldis_etcd::layer::DecisionFilter;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

/// Warnings everywhere, and what the proxy says of requests that were decided about.
fn logged() -> DecisionFilter {
    DecisionFilter::new(LevelFilter::WARN).of(DiagLevel::Shape, LevelFilter::INFO)
}

/// Nothing but requests of this level and above.
fn exported() -> DecisionFilter {
    DecisionFilter::new(LevelFilter::OFF).of(DiagLevel::ShapeTiming, LevelFilter::INFO)
}

/// Exports spans by OTLP over gRPC to this collector.
///
/// # Errors
///
/// If the address is none.
pub fn exporter(collector: &str) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(collector).build()?;
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).build())
}

/// A subscriber that logs to standard error, and exports to this provider.
pub fn subscriber(provider: Option<&SdkTracerProvider>) -> impl Subscriber + Send + Sync + use<> {
    let log = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_filter(logged());
    let export = provider.map(|provider| {
        let tracer = provider.tracer("aldis-example-native-proxy");
        tracing_opentelemetry::layer().with_tracer(tracer).with_filter(exported())
    });
    tracing_subscriber::registry().with(log).with(export)
}
