//! Certificates for one test: an authority, a server on loopback, a client.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// PEM files in a folder of the caller's. Nothing of this machine's trust is involved.
#[derive(Clone, Debug)]
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes a new authority and, signed by it, a server certificate for `127.0.0.1` and `localhost` and a client
    /// certificate with the common name `client_name` (etcd takes that for the user's name).
    ///
    /// # Panics
    ///
    /// When the folder cannot be written.
    pub fn generate(folder: &Path, client_name: &str) -> Self {
        fs::create_dir_all(folder).expect("a folder for certificates");
        let authority = authority();
        let certificates = Self { folder: folder.to_owned() };
        fs::write(certificates.ca(), authority.pem()).expect("ca.pem is written");
        // etcd's own gateway dials etcd with the server's certificate, so that must do for a client as well.
        let both = [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        certificates.issue(&authority, "server", "aldis-test-server", &both);
        certificates.issue(&authority, "client", client_name, &both[1..]);
        certificates
    }

    /// The authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// What the server shows.
    pub fn server_certificate(&self) -> PathBuf {
        self.folder.join("server.pem")
    }

    /// The server's private key.
    pub fn server_key(&self) -> PathBuf {
        self.folder.join("server.key")
    }

    /// What a client shows under mutual TLS.
    pub fn client_certificate(&self) -> PathBuf {
        self.folder.join("client.pem")
    }

    /// The client's private key.
    pub fn client_key(&self) -> PathBuf {
        self.folder.join("client.key")
    }

    fn issue(
        &self,
        authority: &CertifiedIssuer<'_, KeyPair>,
        file: &str,
        name: &str,
        purposes: &[ExtendedKeyUsagePurpose],
    ) {
        let key = KeyPair::generate().expect("a key");
        let hosts = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let mut request = CertificateParams::new(hosts).expect("two legal names");
        request.distinguished_name.push(DnType::CommonName, name);
        request.extended_key_usages = purposes.to_vec();
        let certificate = request.signed_by(&key, authority).expect("the authority signs");
        fs::write(self.folder.join(format!("{file}.pem")), certificate.pem())
            .expect("a certificate is written");
        fs::write(self.folder.join(format!("{file}.key")), key.serialize_pem()).expect("a key is written");
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut request = CertificateParams::new(Vec::<String>::new()).expect("no names");
    request.distinguished_name.push(DnType::CommonName, "aldis test authority");
    request.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    request.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(request, KeyPair::generate().expect("a key"))
        .expect("the authority signs itself")
}
