//! How much a subscriber records of one request, by what was decided about it.

use aldis_core::DiagLevel;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

use super::span;

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

    /// Whether the span of such a request is recorded: it is, unless nothing inside it is, nor anywhere else. Where
    /// something is recorded elsewhere, the span is what tells that it is not to be here.
    fn needs(&self, level: DiagLevel) -> bool {
        self.elsewhere.max(self.inside(level)) != LevelFilter::OFF
    }

    fn most(&self) -> LevelFilter {
        self.inside.iter().copied().fold(self.elsewhere, LevelFilter::max)
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Filter<S> for DecisionFilter {
    fn enabled(&self, metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        if let Some(level) = span::level(metadata) {
            return self.needs(level);
        }
        // The innermost counts.
        let decided = context.lookup_current();
        let decided = decided.and_then(|span| span.scope().find_map(|span| span::level(span.metadata())));
        *metadata.level() <= decided.map_or(self.elsewhere, |level| self.inside(level))
    }

    /// Whether something is recorded depends on where it happens, unless it never is.
    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        let may_be = match span::level(metadata) {
            Some(level) => self.needs(level),
            None => *metadata.level() <= self.most(),
        };
        if may_be { Interest::sometimes() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.most())
    }
}
