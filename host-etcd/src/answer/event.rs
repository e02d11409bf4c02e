//! A change of what is in force, as an object.

use aldis_core::UnixMillis;
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::mirror::{Refusal, RefusalCause};
use crate::status::{Change, State, Status};

/// `{"event":"applied","revision":12,"digest":"…","directives":3}` and its kin.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event<'a> {
    Applied {
        revision: u64,
        digest: String,
        directives: usize,
    },
    Refused {
        revision: u64,
        key: String,
        error: Cause<'a>,
    },
    Live,
    Stale {
        for_ms: u64,
        cause: &'a str,
    },
    Reconnecting {
        endpoint: &'a str,
        cause: &'a str,
        delay_ms: u64,
    },
    ClusterChanged {
        from: Cluster,
        to: Cluster,
    },
    Repaired {
        keys: usize,
    },
    /// A change of a kind that this command does not know.
    Other,
}

#[derive(Serialize)]
pub(crate) struct Cluster {
    pub(crate) cluster_id: String,
    pub(crate) revision: u64,
}

/// The error of a document as `aldis check` shows it.
pub(crate) struct Cause<'a>(pub(crate) &'a RefusalCause);

impl Serialize for Cause<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            RefusalCause::Document(error) => error.serialize(serializer),
            RefusalCause::Together(error) => {
                let mut object = serializer.serialize_struct("Cause", 2)?;
                object.serialize_field("reason", "too_large")?;
                object.serialize_field("message", &error.to_string())?;
                object.end()
            }
        }
    }
}

impl<'a> Event<'a> {
    pub(crate) fn of(change: &'a Change, now: UnixMillis) -> Self {
        match change {
            Change::Applied { revision, digest, directives } => Self::Applied {
                revision: revision.as_u64(),
                digest: digest.to_string(),
                directives: *directives,
            },
            Change::Refused { key, refusal } => Self::refused(key.to_string(), refusal),
            Change::Live => Self::Live,
            Change::Stale { since, cause } => {
                Self::Stale { for_ms: millis(now.saturating_since(*since)), cause }
            }
            Change::Reconnecting { endpoint, cause, delay } => {
                Self::Reconnecting { endpoint, cause, delay_ms: millis(*delay) }
            }
            Change::ClusterChanged { from, to } => {
                let cluster = |header: &crate::kv::Header| Cluster {
                    cluster_id: format!("{:x}", header.cluster_id),
                    revision: header.revision.as_u64(),
                };
                Self::ClusterChanged { from: cluster(from), to: cluster(to) }
            }
            Change::Repaired { keys } => Self::Repaired { keys: *keys },
            Change::Missed { .. } => Self::Other,
        }
    }

    /// The changes that lead to this status.
    pub(crate) fn all_of(status: &'a Status) -> Vec<Self> {
        let mut events = Vec::new();
        if let (Some(revision), Some(digest)) = (status.revision, status.digest) {
            let (revision, digest) = (revision.as_u64(), digest.to_string());
            events.push(Self::Applied { revision, digest, directives: status.directives });
        }
        events.extend(status.refused.iter().map(|(key, refusal)| Self::refused(key.to_string(), refusal)));
        match status.state {
            State::Live => events.push(Self::Live),
            State::Stale => events.push(Self::Stale {
                for_ms: status.stale_for.map(millis).unwrap_or_default(),
                cause: status.last_error.as_deref().unwrap_or_default(),
            }),
            State::Starting | State::Stopped => {}
        }
        events
    }

    fn refused(key: String, refusal: &'a Refusal) -> Self {
        Self::Refused { revision: refusal.revision.as_u64(), key, error: Cause(&refusal.cause) }
    }

    /// The name of its kind, as its `event` says it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Applied { .. } => "applied",
            Self::Refused { .. } => "refused",
            Self::Live => "live",
            Self::Stale { .. } => "stale",
            Self::Reconnecting { .. } => "reconnecting",
            Self::ClusterChanged { .. } => "cluster_changed",
            Self::Repaired { .. } => "repaired",
            Self::Other => "other",
        }
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
