//! Why a store did not start.

use std::fmt;
use std::time::Duration;

use crate::kv::{Key, KvError};
use crate::mirror::Refusal;
use crate::sink::StateError;

/// Why a store did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// The options cannot work, whatever the servers say.
    Options(KvError),
    /// The machine does not know the time: without a clock nothing may be on.
    NoClock,
    /// No endpoint could be read from.
    Unreachable {
        /// How long the start was to take at most.
        limit: Duration,
        /// What happened to each endpoint.
        endpoints: Vec<EndpointFailure>,
        /// Why it did not start from disk either, where it was to.
        state: Option<StateError>,
    },
    /// A document is malformed, and the start is strict.
    Refused {
        /// The document's key.
        key: Key,
        /// Why it is refused.
        refusal: Refusal,
    },
}

/// What happened to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointFailure {
    /// The endpoint as it was configured.
    pub endpoint: String,
    /// What went wrong; `None` if it was not reached in time.
    pub cause: Option<KvError>,
}

impl fmt::Display for EndpointFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            None => write!(f, "{}: not tried in time", self.endpoint),
            // It names the endpoint itself.
            Some(KvError::Connect { cause, .. }) => write!(f, "{}: {cause}", self.endpoint),
            Some(cause) => write!(f, "{}: {cause}", self.endpoint),
        }
    }
}

impl StartError {
    /// Adds why it did not start from disk, if that is why nothing was left.
    pub(super) fn with_state(mut self, error: Option<StateError>) -> Self {
        if let Self::Unreachable { state, .. } = &mut self {
            *state = error;
        }
        self
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Options(error) => error.fmt(f),
            Self::NoClock => f.write_str("the machine does not know the time; set its clock"),
            Self::Unreachable { limit, endpoints, state } => {
                write!(f, "no endpoint could be read from within {} ms", limit.as_millis())?;
                endpoints.iter().enumerate().try_for_each(|(place, failure)| {
                    write!(f, "{} {failure}", if place == 0 { ":" } else { ";" })
                })?;
                state.as_ref().map_or(Ok(()), |error| write!(f, "; nor could it start from disk: {error}"))
            }
            Self::Refused { key, refusal } => {
                write!(
                    f,
                    "the document under {key} at revision {} is refused: {}",
                    refusal.revision, refusal.cause
                )
            }
        }
    }
}

impl std::error::Error for StartError {}
