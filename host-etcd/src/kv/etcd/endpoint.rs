//! What to dial for one endpoint, and how to be sure of who answers.

use etcd_client::{Certificate, Identity, TlsOptions};
use tonic::transport::Endpoint;

use super::error::flatten;
use super::options::{EtcdOptions, Tls};
use crate::kv::KvError;

/// What to dial for one endpoint.
pub(super) fn target(name: &str, options: &EtcdOptions) -> Result<Endpoint, KvError> {
    let url = url(name, options)?;
    let is_tls = url.starts_with("https://");
    let endpoint = Endpoint::from_shared(url)
        .map_err(|_| refused(name, "not a URL; write http://host:port or https://host:port"))?
        .connect_timeout(options.connect_timeout)
        .http2_keep_alive_interval(options.keepalive_interval)
        .keep_alive_timeout(options.keepalive_timeout)
        .keep_alive_while_idle(true);
    match (is_tls, &options.tls) {
        (true, Some(tls)) if tls.ca.as_ref().is_some_and(|pem| !holds_certificate(pem)) => {
            Err(refused(name, "the authority to trust holds no certificate; it must be PEM"))
        }
        (true, tls) => {
            endpoint.tls_config(tls_options(tls.as_ref())).map_err(|error| refused(name, flatten(&error)))
        }
        (false, None) => Ok(endpoint),
        (false, Some(_)) => Err(refused(name, "TLS is configured, but the endpoint says http; write https")),
    }
}

fn url(name: &str, options: &EtcdOptions) -> Result<String, KvError> {
    if name.contains('@') {
        // Not echoed: what stands before the @ may be a password.
        return Err(refused("an endpoint", "it holds an @; give user and password as credentials instead"));
    }
    match name.split_once("://") {
        Some(("http" | "https", _)) => Ok(name.to_owned()),
        Some(_) => Err(refused(name, "not an http or https URL")),
        None if options.tls.is_some() => Ok(format!("https://{name}")),
        None => Ok(format!("http://{name}")),
    }
}

/// Without this, a wrong file would show only as servers that nobody trusts.
fn holds_certificate(pem: &[u8]) -> bool {
    let begin = b"-----BEGIN CERTIFICATE-----";
    pem.windows(begin.len()).any(|window| window == begin)
}

fn tls_options(tls: Option<&Tls>) -> TlsOptions {
    let Some(tls) = tls else { return TlsOptions::new().with_enabled_roots() };
    let mut options = match &tls.ca {
        Some(pem) => TlsOptions::new().ca_certificate(Certificate::from_pem(pem)),
        None => TlsOptions::new().with_enabled_roots(),
    };
    if let Some((certificate, key)) = &tls.identity {
        options = options.identity(Identity::from_pem(certificate, key));
    }
    if let Some(domain) = &tls.domain {
        options = options.domain_name(domain);
    }
    options
}

pub(super) fn refused(endpoint: &str, cause: impl Into<String>) -> KvError {
    KvError::Connect { endpoint: endpoint.to_owned(), cause: cause.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::etcd::EtcdConnector;

    fn refusal(options: &EtcdOptions) -> String {
        EtcdConnector::new(options).expect_err("must be refused").to_string()
    }

    #[tokio::test]
    async fn options_that_cannot_work_are_refused_before_any_io() {
        assert!(refusal(&EtcdOptions::new([""; 0])).contains("no endpoint is given"));
        assert!(refusal(&EtcdOptions::new(["ftp://h:1"])).contains("not an http or https URL"));
        assert!(refusal(&EtcdOptions::new(["http://h h"])).contains("not a URL"));
        let tls = EtcdOptions::new(["http://h:1"]).tls(Tls::new().ca("x"));
        assert!(refusal(&tls).contains("write https"));
        let tls = EtcdOptions::new(["https://h:1"]).tls(Tls::new().ca("x"));
        assert!(refusal(&tls).contains("no certificate"));
        assert!(!refusal(&EtcdOptions::new(["http://me:secret@h:1"])).contains("secret"));
        assert!(!refusal(&EtcdOptions::new(["h:1"]).tls(Tls::new().identity("no pem", "no pem"))).is_empty());
    }
}
