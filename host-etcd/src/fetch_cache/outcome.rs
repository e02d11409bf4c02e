//! What a caller is told besides the value.

use std::fmt;
use std::sync::Arc;

/// How a call was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheOutcome<O> {
    /// From the cache.
    Hit,
    /// By a fetch that another caller reports; or the value was cached between this caller's look and its turn.
    MissCoalesced,
    /// By a fetch that this caller reports: as a rule it has begun it. Of all callers of one fetch exactly one is told
    /// so, whether the fetch succeeded or not.
    MissFetched {
        /// What the fetch came to; `None` if it panicked before it came to anything.
        outcome: Option<O>,
    },
}

impl<O> CacheOutcome<O> {
    /// Its name for logs and metrics: `hit`, `miss_coalesced`, `miss_fetched`. Does not vary with what the fetch came
    /// to.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::MissCoalesced => "miss_coalesced",
            Self::MissFetched { .. } => "miss_fetched",
        }
    }
}

/// Why a fetch gave no value. Every caller of the fetch gets the same.
#[derive(Debug, PartialEq, Eq)]
pub enum FetchError<E> {
    /// It failed.
    Failed(Arc<E>),
    /// It panicked.
    Panicked,
}

impl<E> Clone for FetchError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Failed(error) => Self::Failed(Arc::clone(error)),
            Self::Panicked => Self::Panicked,
        }
    }
}

impl<E: fmt::Display> fmt::Display for FetchError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Panicked => f.write_str("the fetch panicked; the next call fetches again"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for FetchError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(error) => error.source(),
            Self::Panicked => None,
        }
    }
}
