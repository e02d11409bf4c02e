//! From the global arguments to something that can be read and written.

use crate::kv::etcd::{EtcdKv, EtcdOptions, Tls};
use crate::kv::memory::MemoryKv;
use crate::kv::{Header, Key, KvEntry, KvSource, Listing, Revision, Scope};
use crate::publish::{KeyError, Writable, document_key};
use crate::source::Source;
use crate::store::DEFAULT_SCOPE;

use super::args::{EtcdArgs, Global};
use super::failure::Failure;
use super::input;

/// The source that was asked for.
pub(super) fn source(global: &Global) -> Result<Source, Failure> {
    let Some(text) = &global.source else {
        return Err(Failure::trouble(
            "no source is named; say --source etcd://127.0.0.1:2379/aldis/directives, or set ALDIS_SOURCE",
        ));
    };
    text.parse().map_err(|error| Failure::trouble(format!("the source is not understood: {error}")))
}

/// Where single documents are read and written.
pub(super) enum Backend {
    Etcd(Box<EtcdKv>, Scope),
    Memory(MemoryKv, Scope),
    File(Listing),
}

impl Backend {
    /// Connects, or reads the file.
    pub(super) async fn open(source: &Source, args: &EtcdArgs) -> Result<Self, Failure> {
        match source {
            Source::Etcd { endpoints, scope } => {
                let options = options(endpoints, args)?;
                Ok(Self::Etcd(Box::new(EtcdKv::connect(&options).await?), scope.clone()))
            }
            Source::Memory => Ok(Self::Memory(MemoryKv::new(), scope(source))),
            Source::File(path) => Ok(Self::File(listing(input::read(path)?))),
            Source::Relay(_) => Err(Failure::trouble(
                "a relay serves the set, not documents; name the source that it follows, or ask it by HTTP",
            )),
        }
    }

    /// Everything in the source's scope.
    pub(super) async fn list(&self) -> Result<Listing, Failure> {
        match self {
            Self::Etcd(kv, scope) => Ok(kv.list(scope).await?),
            Self::Memory(kv, scope) => Ok(kv.list(scope).await?),
            Self::File(listing) => Ok(listing.clone()),
        }
    }

    /// Whether revisions mean anything here.
    pub(super) fn has_revisions(&self) -> bool {
        !matches!(self, Self::File(_))
    }

    /// What is written to.
    pub(super) fn writable(&self) -> Result<&dyn Writable, Failure> {
        match self {
            Self::Etcd(kv, _) => Ok(&**kv),
            Self::Memory(kv, _) => Ok(kv),
            Self::File(_) => {
                Err(Failure::trouble("a file: source is changed by editing the file; name an etcd:// source"))
            }
        }
    }
}

/// A document that lies under no key yet, as if it lay under the usual one.
pub(super) fn listing(body: Vec<u8>) -> Listing {
    let entry = KvEntry { key: DEFAULT_SCOPE.into(), value: body.into(), mod_revision: Revision::ZERO };
    Listing { header: Header { cluster_id: 0, revision: Revision::ZERO }, entries: vec![entry] }
}

/// The keys that a source means.
pub(super) fn scope(source: &Source) -> Scope {
    match source {
        Source::Etcd { scope, .. } => scope.clone(),
        Source::Memory | Source::File(_) | Source::Relay(_) => Scope::parse(DEFAULT_SCOPE),
    }
}

/// The key of the document that is meant.
pub(super) fn key(scope: &Scope, name: Option<&str>) -> Result<Key, Failure> {
    document_key(scope, name).map_err(|error| {
        Failure::trouble(match error {
            KeyError::NotAPrefix => "--name needs a source that is a prefix, that is, one that ends with /",
            KeyError::NoName => "the source is a prefix; say which document with --name",
        })
    })
}

/// How to reach etcd.
pub(super) fn options(endpoints: &[String], args: &EtcdArgs) -> Result<EtcdOptions, Failure> {
    let mut options = EtcdOptions::new(endpoints.iter().cloned())
        .connect_timeout(args.dial_timeout)
        .request_timeout(args.command_timeout);
    if let Some(tls) = tls(args)? {
        if endpoints.iter().any(|endpoint| endpoint.starts_with("http://")) {
            return Err(Failure::trouble("TLS is configured, but the source is plain text; write etcds://"));
        }
        options = options.tls(tls);
    }
    match credentials(args)? {
        Some((user, password)) => Ok(options.credentials(user, password)),
        None => Ok(options),
    }
}

/// How to be sure of the servers, and who to be for them.
pub(super) fn tls(args: &EtcdArgs) -> Result<Option<Tls>, Failure> {
    let mut tls = Tls::new();
    if let Some(path) = &args.cacert {
        tls = tls.ca(input::read(path)?);
    }
    match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => tls = tls.identity(input::read(cert)?, input::read(key)?),
        (None, None) => {}
        _ => return Err(Failure::trouble("--cert and --key go together")),
    }
    if let Some(name) = &args.server_name {
        tls = tls.domain(name);
    }
    let is_configured = args.cacert.is_some() || args.cert.is_some() || args.server_name.is_some();
    Ok(is_configured.then_some(tls))
}

fn credentials(args: &EtcdArgs) -> Result<Option<(&str, &str)>, Failure> {
    match (args.user.as_deref(), args.password.as_deref()) {
        (None, None) => Ok(None),
        (Some(user), Some(password)) => Ok(Some((user, password))),
        (Some(both), None) => match both.split_once(':') {
            Some(pair) => Ok(Some(pair)),
            None => Err(Failure::trouble(
                "the user has no password; set ETCDCTL_PASSWORD, or say --user USER:PASSWORD",
            )),
        },
        (None, Some(_)) => Err(Failure::trouble("the password has no user; say --user")),
    }
}
