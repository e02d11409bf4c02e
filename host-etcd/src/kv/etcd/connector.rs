//! From options to connections.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use etcd_client::{Channel, Client, ConnectOptions, Error};
use tonic::transport::Endpoint;

use super::connection::{EtcdConnection, Limits};
use super::endpoint::{refused, target};
use super::error::{Failure, flatten, millis};
use super::options::EtcdOptions;
use super::pace::Pace;
use super::version::ServerVersion;
use crate::kv::{Connect, KvError, KvSource};

/// Opens connections to the endpoints of one cluster. Cheap to clone.
#[derive(Clone)]
pub struct EtcdConnector {
    names: Vec<String>,
    targets: Vec<Endpoint>,
    client: ConnectOptions,
    client_without_user: ConnectOptions,
    limits: Limits,
    pace: Pace,
    connect_timeout: Duration,
    shows_certificate: bool,
}

impl EtcdConnector {
    /// Checks the options. Does no I/O, except that without a given authority the system's are read.
    ///
    /// # Errors
    ///
    /// [`KvError::Connect`] if there is no endpoint, or one is not a URL that the options fit, or a certificate or
    /// key cannot be read as PEM.
    pub fn new(options: &EtcdOptions) -> Result<Self, KvError> {
        if options.endpoints.is_empty() {
            return Err(refused(
                "etcd",
                "no endpoint is given; name at least one, such as http://127.0.0.1:2379",
            ));
        }
        let targets = options.endpoints.iter().map(|name| target(name, options)).collect::<Result<_, _>>()?;
        let client_without_user = ConnectOptions::new().with_require_leader(true);
        let client = match &options.credentials {
            Some(is) => client_without_user.clone().with_user(is.user.clone(), is.password.clone()),
            None => client_without_user.clone(),
        };
        Ok(Self {
            names: options.endpoints.clone(),
            targets,
            client,
            client_without_user,
            limits: Limits {
                request_timeout: options.request_timeout,
                max_request_bytes: options.max_request_bytes,
            },
            pace: Pace::default(),
            connect_timeout: options.connect_timeout,
            shows_certificate: options.tls.as_ref().is_some_and(|tls| tls.identity.is_some()),
        })
    }

    /// Connects to the endpoint at this index (modulo their number): dials, authenticates, and asks for the server's
    /// status, because a port that accepts is not yet a server that answers.
    ///
    /// # Errors
    ///
    /// [`KvError::Connect`] if that does not succeed within the connect timeout, [`KvError::Denied`] if the
    /// credentials are wrong.
    pub async fn open(&self, endpoint: usize) -> Result<EtcdConnection, KvError> {
        let index = endpoint.checked_rem(self.names.len()).unwrap_or_default();
        let (Some(name), Some(target)) = (self.names.get(index), self.targets.get(index)) else {
            return Err(refused("etcd", "no endpoint is given"));
        };
        match tokio::time::timeout(self.connect_timeout, self.dial(name, target)).await {
            Ok(connected) => connected,
            Err(_) => Err(refused(name, format!("no answer within {} ms", millis(self.connect_timeout)))),
        }
    }

    async fn dial(&self, name: &str, target: &Endpoint) -> Result<EtcdConnection, KvError> {
        let channel = target.connect().await.map_err(|error| refused(name, flatten(&error)))?;
        let failed = |error| failed(name, self.hint(target), &error);
        let mut client = self.authenticate(Channel::Tonic(channel)).await.map_err(failed)?;
        let orders_progress = match client.status().await {
            Ok(status) => ServerVersion::parse(status.version()).is_some_and(ServerVersion::orders_progress),
            // Whoever may not ask for the status may still read the keys: it is an answer. And it tells the version well
            // enough: users without the root role are denied it since 3.4.42, 3.5.28 and 3.6.0, not before
            // (https://github.com/etcd-io/etcd/issues/21663), and all of those order progress.
            Err(Error::GRpcStatus(status)) if status.code() == tonic::Code::PermissionDenied => true,
            Err(error) => return Err(failed(error)),
        };
        Ok(EtcdConnection::new(name, &client, self.limits, self.pace.clone(), orders_progress))
    }

    /// What is usually wrong when a server takes the connection and then hangs up without a word.
    fn hint(&self, target: &Endpoint) -> &'static str {
        match target.uri().scheme_str() {
            Some("https") if self.shows_certificate => "",
            Some("https") => "; if the server demands a client certificate, give one and its key",
            _ => "; if the server speaks TLS, write https",
        }
    }

    async fn authenticate(&self, channel: Channel) -> Result<Client, Error> {
        match Client::from_channel(channel.clone(), Some(self.client.clone())).await {
            Err(error) if matches!(Failure::of(&error), Failure::AuthDisabled) => {
                Client::from_channel(channel, Some(self.client_without_user.clone())).await
            }
            other => other,
        }
    }
}

#[async_trait]
impl Connect for EtcdConnector {
    fn endpoints(&self) -> &[String] {
        &self.names
    }

    async fn connect(&self, endpoint: usize) -> Result<Box<dyn KvSource>, KvError> {
        Ok(Box::new(self.open(endpoint).await?))
    }
}

/// Without the client's options: their own `Debug` shows the password.
impl fmt::Debug for EtcdConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdConnector").field("endpoints", &self.names).finish_non_exhaustive()
    }
}

fn failed(endpoint: &str, hint: &str, error: &Error) -> KvError {
    match Failure::of(error) {
        Failure::Denied(cause) | Failure::BadToken(cause) => {
            KvError::Denied { operation: "connect", cause: format!("{cause} ({endpoint})") }
        }
        Failure::Broken(cause) => refused(endpoint, cause + hint),
        Failure::Other(cause) => refused(endpoint, cause),
        _ => refused(endpoint, flatten(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_accepts_and_stays_silent_is_refused_within_the_connect_timeout() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
        let endpoint = format!("http://{}", silent.local_addr().expect("address"));
        let options = EtcdOptions::new([endpoint.as_str()]).connect_timeout(Duration::from_millis(300));
        let started = std::time::Instant::now();
        let error = EtcdConnector::new(&options).expect("options").open(0).await.expect_err("silent");
        assert!(started.elapsed() < Duration::from_secs(2));
        assert_eq!(error.to_string(), format!("cannot connect to {endpoint}: no answer within 300 ms"));
    }

    #[tokio::test]
    async fn a_closed_port_is_refused_with_its_cause() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
        let endpoint = format!("http://{}", listener.local_addr().expect("address"));
        drop(listener);
        let connector = EtcdConnector::new(&EtcdOptions::new([endpoint.as_str()])).expect("options");
        let error = connector.open(0).await.expect_err("closed").to_string();
        assert!(error.contains(&endpoint) && error.contains("connection refused"), "{error}");
    }
}
