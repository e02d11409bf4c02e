//! How to reach an etcd cluster, and with which credentials.

use std::fmt;
use std::time::Duration;

/// Bytes of one request that etcd takes unless it is configured otherwise (`--max-request-bytes`).
pub const DEFAULT_MAX_REQUEST_BYTES: usize = 1_572_864;

/// As good as never.
const LONGEST_KEEPALIVE: Duration = Duration::from_secs(365 * 86_400);

/// How to reach etcd. What is not set has a default that suits a production cluster.
///
/// ```
/// use aldis_etcd::kv::etcd::EtcdOptions;
///
/// let options = EtcdOptions::new(["http://127.0.0.1:2379"]).credentials("aldis", "secret");
/// assert!(!format!("{options:?}").contains("secret"));
/// ```
#[derive(Clone)]
pub struct EtcdOptions {
    pub(super) endpoints: Vec<String>,
    pub(super) tls: Option<Tls>,
    pub(super) credentials: Option<Credentials>,
    pub(super) connect_timeout: Duration,
    pub(super) request_timeout: Duration,
    pub(super) keepalive_interval: Duration,
    pub(super) keepalive_timeout: Duration,
    pub(super) max_request_bytes: usize,
}

impl EtcdOptions {
    /// Options for these endpoints, tried in this order: `http://host:port`, `https://host:port`, or `host:port`,
    /// which means `https` if [`tls`](Self::tls) is set and `http` if not. Checked when the first connection is
    /// made.
    #[must_use]
    pub fn new<E: Into<String>>(endpoints: impl IntoIterator<Item = E>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            tls: None,
            credentials: None,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(5),
            // etcd closes connections that ping more often than each 5 s; 6 s and 3 s notice a dead link in 9 s.
            keepalive_interval: Duration::from_secs(6),
            keepalive_timeout: Duration::from_secs(3),
            max_request_bytes: DEFAULT_MAX_REQUEST_BYTES,
        }
    }

    /// How to verify the servers, and who to be for them. Without it, `https` endpoints are verified against the
    /// certificates that the system trusts.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// User and password. A cluster without authentication ignores them, as etcd's own client does.
    #[must_use]
    pub fn credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Some(Credentials { user: user.into(), password: password.into() });
        self
    }

    /// How long one endpoint has to accept the connection, authenticate and answer a first question; 5 s unless set.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How long each call has to be answered, each page of a list on its own; 5 s unless set.
    #[must_use]
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.request_timeout = limit;
        self
    }

    /// How often the link is tried, busy or idle, and how long it has to answer; 6 s and 3 s unless set. The
    /// interval is kept at 5 s or more: below that etcd hangs up on healthy links.
    #[must_use]
    pub fn keepalive(mut self, interval: Duration, timeout: Duration) -> Self {
        // A point of time beyond a year might not be one to the transport.
        self.keepalive_interval = interval.clamp(Duration::from_secs(5), LONGEST_KEEPALIVE);
        self.keepalive_timeout = timeout.min(LONGEST_KEEPALIVE);
        self
    }

    /// What the cluster's `--max-request-bytes` is, if it is not 1.5 MiB: larger values are refused unsent.
    #[must_use]
    pub fn max_request_bytes(mut self, limit: usize) -> Self {
        self.max_request_bytes = limit;
        self
    }
}

/// Without what stands before an `@` in an endpoint: it may be a password.
impl fmt::Debug for EtcdOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hide = |endpoint: &String| match endpoint.rsplit_once('@') {
            Some((_, host)) => format!("…@{host}"),
            None => endpoint.clone(),
        };
        f.debug_struct("EtcdOptions")
            .field("endpoints", &self.endpoints.iter().map(hide).collect::<Vec<_>>())
            .field("tls", &self.tls)
            .field("credentials", &self.credentials)
            .field("connect_timeout", &self.connect_timeout)
            .field("request_timeout", &self.request_timeout)
            .field("keepalive", &(self.keepalive_interval, self.keepalive_timeout))
            .field("max_request_bytes", &self.max_request_bytes)
            .finish()
    }
}

/// PEM texts for TLS; none of them is checked before the first connection.
#[derive(Clone, Default)]
pub struct Tls {
    pub(crate) ca: Option<Vec<u8>>,
    pub(crate) identity: Option<(Vec<u8>, Vec<u8>)>,
    pub(crate) domain: Option<String>,
}

impl Tls {
    /// TLS verified against the certificates that the system trusts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trust these authorities (PEM), and no others.
    #[must_use]
    pub fn ca(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca = Some(pem.into());
        self
    }

    /// Show this client certificate; certificate chain and key as PEM.
    #[must_use]
    pub fn identity(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.identity = Some((certificate.into(), key.into()));
        self
    }

    /// The name that the servers' certificates must bear, if it is not the host of the endpoint.
    #[must_use]
    pub fn domain(mut self, name: impl Into<String>) -> Self {
        self.domain = Some(name.into());
        self
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("ca", &self.ca.is_some())
            .field("identity", &self.identity.is_some())
            .field("domain", &self.domain)
            .finish()
    }
}

#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).field("password", &"…").finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown_wherever_it_was_put() {
        let options = EtcdOptions::new(["http://me:secret@h:1", "h:2"]).credentials("me", "secret");
        let shown = format!("{options:?}");
        assert!(!shown.contains("secret") && shown.contains("@h:1") && shown.contains("h:2"), "{shown}");
    }

    #[test]
    fn no_keepalive_is_so_short_that_etcd_hangs_up() {
        let interval = |millis| {
            let options = EtcdOptions::new(["http://127.0.0.1:1"]);
            options.keepalive(Duration::from_millis(millis), Duration::from_secs(1)).keepalive_interval
        };
        let least = Duration::from_secs(5);
        assert_eq!([0, 1, 4_999, 5_000].map(interval), [least; 4]);
        assert_eq!(interval(5_001), Duration::from_millis(5_001));
        assert!(EtcdOptions::new(["http://127.0.0.1:1"]).keepalive_interval >= least);
    }
}
