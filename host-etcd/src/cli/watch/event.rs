//! A change as one line.

use aldis_core::UnixMillis;
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::cli::Console;
use crate::cli::check::directives;
use crate::cli::console::{BAD, FAINT, GOOD, NOTICE};
use crate::mirror::{Refusal, RefusalCause};
use crate::status::{Change, State, Status};

/// `{"event":"applied","revision":12,"digest":"…","directives":3}` and its kin.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event<'a> {
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
pub(super) struct Cluster {
    cluster_id: String,
    revision: u64,
}

/// The error of a document as `aldis check` shows it.
pub(super) struct Cause<'a>(&'a RefusalCause);

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
    pub(super) fn of(change: &'a Change, now: UnixMillis) -> Self {
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
    pub(super) fn all_of(status: &'a Status) -> Vec<Self> {
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

    /// For people.
    pub(super) fn line(&self) -> String {
        let (style, name, rest) = match self {
            Self::Applied { revision, digest, directives: count } => {
                let digest = Console::styled(FAINT, format!("digest {digest}"));
                (GOOD, "applied", format!("revision {revision}, {}, {digest}", directives(*count)))
            }
            Self::Refused { revision, key, error } => {
                (BAD, "refused", format!("revision {revision}, {key}: {}", error.0))
            }
            Self::Live => (GOOD, "live", "the source confirms what is in force".to_owned()),
            Self::Stale { for_ms, cause } => (
                NOTICE,
                "stale",
                format!("last confirmed {for_ms} ms ago, what is in force stays so; {cause}"),
            ),
            Self::Reconnecting { endpoint, cause, delay_ms } => {
                (FAINT, "reconnecting", format!("{endpoint} failed, next attempt in {delay_ms} ms; {cause}"))
            }
            Self::ClusterChanged { from, to } => {
                let from = format!("from {} at revision {}", from.cluster_id, from.revision);
                let to = format!("to {} at revision {}", to.cluster_id, to.revision);
                (NOTICE, "cluster changed", format!("{from} {to}"))
            }
            Self::Repaired { keys } => {
                (NOTICE, "repaired", format!("{keys} keys differed from what the source holds"))
            }
            Self::Other => (FAINT, "other", "a change of a kind unknown to this command".to_owned()),
        };
        format!("{} {rest}", Console::styled(style, format!("{name}:")))
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
