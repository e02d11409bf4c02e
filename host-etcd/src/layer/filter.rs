//! How much a subscriber records of one request, by what was decided about it.

use aldis_core::DiagLevel;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

use super::SPAN;

/// A filter of [`tracing_subscriber`] that records up to one level everywhere, and inside requests that were decided about
/// up to the level that belongs to their decision, be it more or less.
///
/// ```
/// use aldis_etcd::DiagLevel;
/// use aldis_etcd::layer::DecisionFilter;
/// use tracing_subscriber::filter::LevelFilter;
/// use tracing_subscriber::prelude::*;
///
/// let filter = DecisionFilter::new(LevelFilter::WARN)
///     .of(DiagLevel::Shape, LevelFilter::INFO)
///     .of(DiagLevel::ShapeTiming, LevelFilter::DEBUG);
/// let subscriber = tracing_subscriber::registry().with(tracing_subscriber::fmt::layer().with_filter(filter));
/// # let _ = subscriber;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DecisionFilter {
    elsewhere: LevelFilter,
    /// By the code of a [`DiagLevel`].
    inside: [LevelFilter; DiagLevel::ALL.len()],
}

impl DecisionFilter {
    /// Up to this level everywhere.
    #[must_use]
    pub const fn new(elsewhere: LevelFilter) -> Self {
        Self { elsewhere, inside: [elsewhere; DiagLevel::ALL.len()] }
    }

    /// Up to this level inside requests of `level` and of those above it.
    #[must_use]
    pub fn of(mut self, level: DiagLevel, up_to: LevelFilter) -> Self {
        for (other, inside) in DiagLevel::ALL.iter().zip(&mut self.inside) {
            if *other >= level {
                *inside = up_to;
            }
        }
        self
    }

    fn inside(&self, level: DiagLevel) -> LevelFilter {
        let place = DiagLevel::ALL.iter().position(|known| *known == level);
        place.and_then(|place| self.inside.get(place)).copied().unwrap_or(self.elsewhere)
    }

    fn most(&self) -> LevelFilter {
        self.inside.iter().copied().fold(self.elsewhere, LevelFilter::max)
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Filter<S> for DecisionFilter {
    fn enabled(&self, metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        if metadata.name() == SPAN {
            return true;
        }
        let decided = context.lookup_current().and_then(|span| {
            // The innermost counts.
            span.scope().find_map(|span| span.extensions().get::<DiagLevel>().copied())
        });
        *metadata.level() <= decided.map_or(self.elsewhere, |level| self.inside(level))
    }

    /// Whether something is recorded depends on where it happens, unless it never is.
    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        match *metadata.level() <= self.most() || metadata.name() == SPAN {
            true => Interest::sometimes(),
            false => Interest::never(),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.most().max(LevelFilter::ERROR))
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().name() != SPAN {
            return;
        }
        let mut found = Found(None);
        attributes.record(&mut found);
        if let (Some(level), Some(span)) = (found.0, context.span(id)) {
            span.extensions_mut().replace(level);
        }
    }
}

/// The level in the fields of our span.
struct Found(Option<DiagLevel>);

impl Visit for Found {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "aldis.level" {
            self.0 = DiagLevel::from_name(value);
        }
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn std::fmt::Debug) {}
}
