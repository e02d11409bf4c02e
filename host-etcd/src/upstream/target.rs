//! Where a relay is, and how to be sure of it.

use std::sync::Arc;

use http::Uri;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::kv::KvError;
use crate::kv::etcd::Tls;

/// The relays, in the order in which they are tried; never empty.
#[derive(Clone)]
pub(crate) struct Targets(Vec<Target>);

/// One relay.
#[derive(Clone)]
pub(crate) struct Target {
    name: String,
    host: String,
    port: u16,
    /// What stands before the relay's own paths, without a slash at its end.
    base: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Targets {
    /// Reads URLs: `http://host:port`, `https://host:port/base`.
    ///
    /// # Errors
    ///
    /// If there is none, if one of them is no such URL, or if the TLS options are of no use.
    pub(crate) fn new(urls: &[String], tls: Option<&Tls>) -> Result<Self, KvError> {
        if urls.is_empty() {
            return Err(refused("no relay", "name at least one"));
        }
        let connector = match urls.iter().any(|url| url.starts_with("https://")) {
            true => Some(connector(tls)?),
            false => None,
        };
        let domain = tls.and_then(|tls| tls.domain.as_deref());
        let targets = urls.iter().map(|url| Target::new(url, connector.as_ref(), domain));
        targets.collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The names of all of them.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.iter().map(|target| target.name.clone()).collect()
    }

    /// The one at this place, modulo their number.
    pub(super) fn at(&self, place: usize) -> Target {
        // There is at least one.
        let target = self.0.iter().cycle().nth(place % self.0.len().max(1));
        target.cloned().unwrap_or_else(Target::nowhere)
    }
}

impl Target {
    fn new(url: &str, connector: Option<&TlsConnector>, domain: Option<&str>) -> Result<Self, KvError> {
        if url.contains('@') {
            // Not echoed: what stands before the @ may be a password.
            return Err(refused("a relay", "it holds an @, and a relay asks for no password"));
        }
        let uri: Uri = url.parse().map_err(|_| refused(url, "not a URL; write http://host:port"))?;
        let host = uri.host().ok_or_else(|| refused(url, "it names no host"))?.to_owned();
        let (default_port, connector) = match uri.scheme_str() {
            Some("http") => (80, None),
            Some("https") => (443, connector),
            _ => return Err(refused(url, "not an http or https URL")),
        };
        let verified = domain.unwrap_or(&host).trim_matches(['[', ']']).to_owned();
        let server = ServerName::try_from(verified).map_err(|_| refused(url, "its host has no name for TLS"));
        let tls = connector.map(|connector| server.map(|server| (connector.clone(), server))).transpose()?;
        Ok(Self {
            name: url.trim_end_matches('/').to_owned(),
            port: uri.port_u16().unwrap_or(default_port),
            base: uri.path().trim_end_matches('/').to_owned(),
            host,
            tls,
        })
    }

    fn nowhere() -> Self {
        Self { name: String::new(), host: String::new(), port: 0, base: String::new(), tls: None }
    }

    /// As it was configured.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What to dial.
    pub(super) fn address(&self) -> (&str, u16) {
        (self.host.trim_matches(['[', ']']), self.port)
    }

    /// What to say in `Host`.
    pub(super) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Where one of the relay's paths is.
    pub(super) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(super) const fn tls(&self) -> Option<&(TlsConnector, ServerName<'static>)> {
        self.tls.as_ref()
    }
}

fn connector(tls: Option<&Tls>) -> Result<TlsConnector, KvError> {
    let bad = |cause: String| refused("the options for TLS", &cause);
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| bad(error.to_string()))?;
    let config = config.with_root_certificates(roots(tls)?);
    let config = match tls.and_then(|tls| tls.identity.as_ref()) {
        None => config.with_no_client_auth(),
        Some((chain, key)) => {
            let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>();
            let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| bad(error.to_string()))?;
            let chain = chain.map_err(|error| bad(error.to_string()))?;
            config.with_client_auth_cert(chain, key).map_err(|error| bad(error.to_string()))?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Those that were given, or else the system's.
fn roots(tls: Option<&Tls>) -> Result<RootCertStore, KvError> {
    let mut roots = RootCertStore::empty();
    match tls.and_then(|tls| tls.ca.as_ref()) {
        Some(pem) => {
            let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
            let certificates = certificates.unwrap_or_default();
            roots.add_parsable_certificates(certificates);
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    match roots.is_empty() {
        true => Err(refused("the authority to trust", "it holds no certificate; it must be PEM")),
        false => Ok(roots),
    }
}

fn refused(endpoint: &str, cause: &str) -> KvError {
    KvError::Connect { endpoint: endpoint.to_owned(), cause: cause.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target, KvError> {
        Targets::new(&[url.to_owned()], None).map(|targets| targets.at(0))
    }

    #[test]
    fn a_url_says_where_to_dial_and_what_to_ask() {
        for (url, address, authority, path) in [
            ("http://relay:7117", ("relay", 7117), "relay:7117", "/v1/image"),
            ("http://relay/", ("relay", 80), "relay:80", "/v1/image"),
            ("http://[::1]:7117", ("::1", 7117), "[::1]:7117", "/v1/image"),
            ("http://relay:1/aldis/", ("relay", 1), "relay:1", "/aldis/v1/image"),
        ] {
            let target = target(url).expect("is legal");
            assert_eq!(
                (target.address(), &*target.authority(), &*target.path("/v1/image")),
                (address, authority, path)
            );
        }
    }

    #[test]
    fn what_is_no_relay_is_refused_and_no_password_is_echoed() {
        for url in ["relay:7117", "ftp://relay", "http://", "", "/v1", "http://me:hunter2@relay"] {
            let error = target(url).err().expect("is refused").to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(Targets::new(&[], None).is_err());
    }
}
