//! How a command ends.

use std::fmt;
use std::process::ExitCode;

use crate::answer::No;
use crate::kv::KvError;
use crate::publish::PublishError;

use super::console::{BAD, Console};

/// What was asked for is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is so, or it is done.
    Yes,
    /// It is not so. Why has been said.
    No,
}

impl From<Answer> for ExitCode {
    fn from(answer: Answer) -> Self {
        Self::from(match answer {
            Answer::Yes => 0,
            Answer::No => 1,
        })
    }
}

/// What was asked for could not be done.
#[derive(Debug)]
pub(super) enum Failure {
    /// The answer is no, for this reason.
    No {
        /// Stable name of the reason.
        reason: &'static str,
        /// One line.
        message: String,
    },
    /// Usage or I/O.
    Trouble(String),
}

impl Failure {
    pub(super) fn trouble(message: impl Into<String>) -> Self {
        Self::Trouble(message.into())
    }

    /// Says it, and gives the exit code.
    pub(super) fn report(self, console: &mut Console) -> ExitCode {
        match self {
            Self::No { reason, message } => {
                error(console, &message);
                if console.is_json() {
                    let _ = console.json(&No::new(reason, &message));
                }
                ExitCode::from(1)
            }
            Self::Trouble(message) => {
                error(console, &message);
                ExitCode::from(2)
            }
        }
    }
}

/// The line that is said of it.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::No { message, .. } | Self::Trouble(message)) = self;
        f.write_str(message)
    }
}

fn error(console: &mut Console, message: &str) {
    console.note(format!("{} {message}", Console::styled(BAD, "error:")));
}

impl From<KvError> for Failure {
    fn from(error: KvError) -> Self {
        let message = match &error {
            KvError::Conflict { expected, actual, .. } => format!(
                "the key is at revision {actual}, not {expected}; look at it with `aldis get` and try again"
            ),
            KvError::TooLarge { bytes, limit } => format!(
                "{bytes} bytes are more than the {limit} that fit under one key; split the document over several keys of a prefix"
            ),
            KvError::Denied { .. } => format!("{error}; see --user and --password"),
            KvError::Timeout { operation: "put" | "update" | "delete", .. } => {
                format!("{error}; it may have happened all the same, look at it with `aldis get`")
            }
            _ => error.to_string(),
        };
        match error {
            KvError::Conflict { .. } => Self::No { reason: "conflict", message },
            KvError::TooLarge { .. } => Self::No { reason: "too_large", message },
            _ => Self::Trouble(message),
        }
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        let message = error.to_string();
        match error {
            PublishError::Kv(error) => error.into(),
            PublishError::Refused(error) => Self::No { reason: error.reason().as_str(), message },
            PublishError::FleetWide(_) => Self::No { reason: "fleet_wide", message },
            PublishError::Expired(_) => Self::No { reason: "expired", message },
        }
    }
}
