//! From the errors of the client library to [`KvError`]: one line each, without secrets.

use std::error::Error as StdError;
use std::time::Duration;

use etcd_client::Error;
use tonic::{Code, Status};

use crate::kv::KvError;

/// What etcd says, by its text: the codes alone do not tell these apart.
/// <https://github.com/etcd-io/etcd/blob/main/api/v3rpc/rpctypes/error.go>
mod said {
    pub(super) const TOO_LARGE: &str = "request is too large";
    /// By the server's transport, beyond half a mebibyte more.
    pub(super) const MESSAGE_TOO_LARGE: &str = "received message larger than max";
    pub(super) const COMPACTED: &str = "has been compacted";
    pub(super) const AUTH_OFF: &str = "authentication is not enabled";
    pub(super) const NO_USER: &str = "user name is empty";
    pub(super) const BAD_PASSWORD: &str = "authentication failed";
    pub(super) const NO_RIGHT: &str = "permission denied";
    pub(super) const BAD_TOKEN: &str = "invalid auth token";
    pub(super) const NO_LEASE: &str = "lease not found";
    pub(super) const OLD_AUTH: &str = "revision of auth store is old";
}

/// What one failure of a call means for the caller.
#[derive(Debug)]
pub(super) enum Failure {
    /// The revision that was to be read is gone.
    Compacted,
    /// One answer was larger than this client takes.
    AnswerTooLarge,
    /// The request was larger than this server takes.
    RequestTooLarge,
    /// The credentials are wrong or not sufficient.
    Denied(String),
    /// The token is missing, expired, or of before the rights were changed: another may do.
    BadToken(String),
    /// The cluster knows no authentication, so it gives no token.
    AuthDisabled,
    /// The lease has ended.
    NoLease,
    /// The connection broke; the server said nothing.
    Broken(String),
    /// All else.
    Other(String),
}

impl Failure {
    pub(super) fn of(error: &Error) -> Self {
        let status = match error {
            Error::GRpcStatus(status) => status,
            Error::LeaseKeepAliveError(text) if text.contains(said::NO_LEASE) => return Self::NoLease,
            error => return Self::Other(flatten(error)),
        };
        let text = status.message();
        match status.code() {
            Code::OutOfRange if text.contains(said::COMPACTED) => Self::Compacted,
            // tonic answers for itself when a message exceeds the decode limit.
            Code::OutOfRange if text.contains("message length too large") => Self::AnswerTooLarge,
            Code::NotFound if text.contains(said::NO_LEASE) => Self::NoLease,
            _ if text.contains(said::TOO_LARGE) || text.contains(said::MESSAGE_TOO_LARGE) => {
                Self::RequestTooLarge
            }
            Code::FailedPrecondition if text.contains(said::AUTH_OFF) => Self::AuthDisabled,
            Code::PermissionDenied => Self::Denied(describe(status)),
            _ if text.contains(said::BAD_PASSWORD) => Self::Denied(describe(status)),
            Code::Unauthenticated => Self::BadToken(describe(status)),
            _ if text.contains(said::NO_USER) || text.contains(said::OLD_AUTH) => {
                Self::BadToken(describe(status))
            }
            // Only the client's own errors have a source; what comes from the server is text.
            _ if status.source().is_some() => Self::Broken(describe(status)),
            _ => Self::Other(describe(status)),
        }
    }

    /// What the reason of a cancelled watch means.
    pub(super) fn of_cancel(reason: &str) -> Self {
        match reason {
            "" => Self::Other("the server has cancelled it and does not say why".to_owned()),
            // Older servers tell of a token that has expired as of a right that is missing
            // (https://github.com/etcd-io/etcd/issues/12385).
            _ if [said::NO_RIGHT, said::BAD_TOKEN, said::OLD_AUTH]
                .iter()
                .any(|said| reason.contains(said)) =>
            {
                Self::BadToken(reason.to_owned())
            }
            _ => Self::Other(reason.to_owned()),
        }
    }

    /// The error to hand on, where the call has no use for the finer distinction.
    pub(super) fn into_error(self, operation: &'static str, endpoint: &str) -> KvError {
        let cause = match self {
            Self::Denied(cause) | Self::BadToken(cause) => {
                return KvError::Denied { operation, cause: at(&cause, endpoint) };
            }
            Self::RequestTooLarge => {
                let cause = at("the request is larger than the server takes", endpoint);
                return KvError::TooLargeForServer { operation, cause };
            }
            Self::NoLease => return KvError::LeaseExpired,
            Self::Broken(cause) | Self::Other(cause) => cause,
            Self::Compacted => "the revision has been compacted".to_owned(),
            Self::AnswerTooLarge => "the answer is larger than this client takes".to_owned(),
            Self::AuthDisabled => "authentication is not enabled".to_owned(),
        };
        KvError::Failed { operation, cause: at(&cause, endpoint) }
    }
}

/// The error of a call that ran into its deadline.
pub(super) fn timeout(operation: &'static str, limit: Duration) -> KvError {
    KvError::Timeout { operation, limit_ms: millis(limit) }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn at(cause: &str, endpoint: &str) -> String {
    format!("{cause} ({endpoint})")
}

/// A status as one line: etcd's own words, or else the code's and what lies beneath.
fn describe(status: &Status) -> String {
    let message = status.message().strip_prefix("etcdserver: ").unwrap_or(status.message());
    let mut parts = vec![if message.is_empty() { status.code().description() } else { message }.to_owned()];
    push_sources(&mut parts, status.source());
    one_line(&parts)
}

/// An error and all that lies beneath it as one line.
pub(super) fn flatten(error: &(dyn StdError + 'static)) -> String {
    let mut parts = vec![error.to_string()];
    push_sources(&mut parts, error.source());
    one_line(&parts)
}

fn push_sources(parts: &mut Vec<String>, mut source: Option<&(dyn StdError + 'static)>) {
    while let Some(error) = source {
        let text = error.to_string();
        // Many wrappers repeat what they wrap.
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        source = error.source();
    }
}

fn one_line(parts: &[String]) -> String {
    // What the transport says of itself; the cause follows.
    let telling = parts.iter().filter(|part| parts.len() == 1 || *part != "transport error");
    let joined = telling.map(|part| lower_first(part.trim())).collect::<Vec<_>>().join(": ");
    joined.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: Code, message: &str) -> Failure {
        Failure::of(&Error::GRpcStatus(Status::new(code, message)))
    }

    #[test]
    fn tells_apart_what_etcd_says_by_text() {
        let compacted = "etcdserver: mvcc: required revision has been compacted";
        assert!(matches!(failure(Code::OutOfRange, compacted), Failure::Compacted));
        assert!(matches!(
            failure(Code::InvalidArgument, "etcdserver: request is too large"),
            Failure::RequestTooLarge
        ));
        assert!(matches!(failure(Code::NotFound, "etcdserver: requested lease not found"), Failure::NoLease));
        let off = "etcdserver: authentication is not enabled";
        assert!(matches!(failure(Code::FailedPrecondition, off), Failure::AuthDisabled));
        for (code, message) in [
            (Code::InvalidArgument, "etcdserver: authentication failed, invalid user ID or password"),
            (Code::PermissionDenied, "etcdserver: permission denied"),
        ] {
            assert!(matches!(failure(code, message), Failure::Denied(_)), "{message}");
        }
        for (code, message) in [
            (Code::InvalidArgument, "etcdserver: user name is empty"),
            (Code::InvalidArgument, "etcdserver: revision of auth store is old"),
            (Code::Unauthenticated, "etcdserver: invalid auth token"),
        ] {
            assert!(matches!(failure(code, message), Failure::BadToken(_)), "{message}");
        }
    }

    #[test]
    fn errors_are_one_line_with_operation_and_endpoint() {
        let failure = failure(Code::Unavailable, "etcdserver: leader\nchanged");
        let error = failure.into_error("put", "http://10.0.0.1:2379");
        assert_eq!(error.to_string(), "put failed: leader changed (http://10.0.0.1:2379)");
    }
}
