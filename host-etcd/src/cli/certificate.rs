//! The certificate of a relay, which is renewed now and then while it serves.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::relay::{ServerTls, TlsError};

use super::args::ServeArgs;
use super::failure::Failure;
use super::input;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Two files, and what was read from them last.
pub(super) struct Certificate {
    pub(super) tls: ServerTls,
    chain: PathBuf,
    key: PathBuf,
    last: Look,
    /// What was last said of a state of the files that is of no use.
    failed: Option<(Look, String)>,
}

/// What tells one state of the files from the next without reading them.
type Look = [Option<SystemTime>; 2];

impl Certificate {
    /// Reads the files, if they were named.
    pub(super) fn open(args: &ServeArgs) -> Result<Option<Self>, Failure> {
        let (Some(chain), Some(key)) = (&args.tls_cert, &args.tls_key) else { return Ok(None) };
        // Looked at before they are read: what changes meanwhile is read again.
        let last = [modified(chain), modified(key)];
        let tls = ServerTls::new(&input::read(chain)?, &input::read(key)?);
        let tls = tls.map_err(|error| Failure::trouble(error.to_string()))?;
        Ok(Some(Self { tls, chain: chain.clone(), key: key.clone(), last, failed: None }))
    }

    /// Reads the files again if they have changed. Whoever renews them writes one after the other, and until they go
    /// together what was read before stays. What could not be used is read each time: who may read a file, and what it
    /// holds, can change without its time.
    fn look(&mut self) {
        let now = [modified(&self.chain), modified(&self.key)];
        if now == self.last {
            self.failed = None;
            return;
        }
        let failed = match self.renew() {
            Ok(()) => {
                tracing::info!("the certificate was renewed");
                self.last = now;
                None
            }
            Err(error) => Some((now, error.to_string())),
        };
        if let Some((_, error)) = failed.as_ref().filter(|_| failed != self.failed) {
            tracing::warn!(error, "the certificate was not renewed, the one before stays");
        }
        self.failed = failed;
    }

    fn renew(&self) -> Result<(), TlsError> {
        let chain =
            std::fs::read(&self.chain).map_err(|error| TlsError::Certificates(input::io_cause(&error)))?;
        let key = std::fs::read(&self.key).map_err(|error| TlsError::Key(input::io_cause(&error)))?;
        self.tls.renew(&chain, &key)
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

/// Follows the files for as long as it is polled, and does nothing for ever if there are none.
pub(super) async fn renewal(certificate: Option<Certificate>) {
    let Some(mut certificate) = certificate else { return std::future::pending().await };
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        certificate.look();
    }
}
