//! What a flight brings back, for all who waited.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{CacheOutcome, FetchError};

/// What a flight brings back.
pub(super) enum Landing<V, O, E> {
    /// Nothing was fetched: the value had been cached meanwhile.
    Cached(V),
    /// The fetch has run.
    Fetched {
        /// `None` if it panicked.
        outcome: Option<O>,
        result: Result<V, FetchError<E>>,
        /// Whether one of the callers has reported it.
        is_reported: AtomicBool,
    },
}

impl<V, O, E> Landing<V, O, E> {
    pub(super) fn fetched(outcome: O, result: Result<V, E>) -> Self {
        let result = result.map_err(|error| FetchError::Failed(Arc::new(error)));
        Self::Fetched { outcome: Some(outcome), result, is_reported: AtomicBool::new(false) }
    }

    pub(super) fn panicked() -> Self {
        let result = Err(FetchError::Panicked);
        Self::Fetched { outcome: None, result, is_reported: AtomicBool::new(false) }
    }
}

impl<V: Clone, O: Clone, E> Landing<V, O, E> {
    /// What one caller is told.
    pub(super) fn report(&self) -> (CacheOutcome<O>, Result<V, FetchError<E>>) {
        match self {
            Self::Cached(value) => (CacheOutcome::MissCoalesced, Ok(value.clone())),
            Self::Fetched { outcome, result, is_reported } => {
                // Orders nothing: that the flight has landed is known already.
                let told = match is_reported.swap(true, Ordering::Relaxed) {
                    true => CacheOutcome::MissCoalesced,
                    false => CacheOutcome::MissFetched { outcome: outcome.clone() },
                };
                (told, result.clone())
            }
        }
    }
}
