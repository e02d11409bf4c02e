//! TLS for those who connect to the relay.

use std::fmt;
use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

/// Who the relay is for its clients: TLS 1.2 and 1.3, HTTP/1.1. Clones are one and the same, so what one of them
/// [renews](Self::renew) is renewed for all.
#[derive(Clone)]
pub struct ServerTls {
    config: Arc<ArcSwap<ServerConfig>>,
}

/// Why a certificate or a key is of no use.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// What should be a chain of certificates is none.
    #[error("no certificates in PEM: {0}")]
    Certificates(String),
    /// What should be a private key is none.
    #[error("no private key in PEM: {0}")]
    Key(String),
    /// They do not go together.
    #[error("certificate and key do not go together: {0}")]
    Pair(#[from] rustls::Error),
}

impl ServerTls {
    /// A chain of certificates, the server's own first, and its private key, both in PEM.
    ///
    /// # Errors
    ///
    /// If they are none, or do not go together.
    pub fn new(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        config(certificates, key).map(|config| Self { config: Arc::new(ArcSwap::from_pointee(config)) })
    }

    /// Another certificate, for connections from now on: the one before is about to expire.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); then the one before stays.
    pub fn renew(&self, certificates: &[u8], key: &[u8]) -> Result<(), TlsError> {
        config(certificates, key).map(|config| self.config.store(Arc::new(config)))
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.config.load_full()).accept(stream).await
    }
}

fn config(certificates: &[u8], key: &[u8]) -> Result<ServerConfig, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates)
        .collect::<Result<_, _>>()
        .map_err(|error| TlsError::Certificates(error.to_string()))?;
    if chain.is_empty() {
        return Err(TlsError::Certificates("the file holds none".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| TlsError::Key(error.to_string()))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth();
    let mut config = config.with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Without the key.
impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}
