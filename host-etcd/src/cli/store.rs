//! From a source to a store that follows it.

use std::sync::Arc;

use crate::kv::Scope;
use crate::kv::etcd::EtcdConnector;
use crate::kv::memory::MemoryKv;
use crate::source::Source;
use crate::store::{Builder, DEFAULT_SCOPE, EtcdDirectiveStore};

use super::args::EtcdArgs;
use super::backend::{options, tls};
use super::failure::Failure;
use super::file::Follower;

/// A store, and what has to go on beside it.
pub(super) struct Followed {
    pub(super) store: EtcdDirectiveStore,
    pub(super) file: FileBeside,
}

/// The file that the store's backend is filled from, if there is one.
pub(super) struct FileBeside(Option<Follower>);

impl Followed {
    /// Opens the source. `configure` says what else there is to say to the builder.
    pub(super) async fn open(
        source: &Source,
        args: &EtcdArgs,
        configure: impl FnOnce(Builder) -> Builder,
    ) -> Result<Self, Failure> {
        Self::over(source, args, MemoryKv::new(), configure).await
    }

    /// The same, with this as the embedded backend where the source is that.
    pub(super) async fn over(
        source: &Source,
        args: &EtcdArgs,
        memory: MemoryKv,
        configure: impl FnOnce(Builder) -> Builder,
    ) -> Result<Self, Failure> {
        let (builder, file) = match source {
            Source::Etcd { endpoints, scope } => {
                let connector = EtcdConnector::new(&options(endpoints, args)?)?;
                (EtcdDirectiveStore::over(Arc::new(connector)).scope(text(scope)?), None)
            }
            Source::Relay(urls) => {
                let builder = EtcdDirectiveStore::relay(urls.iter().cloned());
                (tls(args)?.into_iter().fold(builder, Builder::tls), None)
            }
            Source::Memory => (EtcdDirectiveStore::over(Arc::new(memory)).scope(DEFAULT_SCOPE), None),
            Source::File(path) => {
                let follower = Follower::start(path.clone())?;
                let builder = EtcdDirectiveStore::over(Arc::new(follower.store())).scope(DEFAULT_SCOPE);
                (builder, Some(follower))
            }
        };
        let store = configure(builder.connect_timeout(args.dial_timeout)).connect().await;
        let store = store.map_err(|error| Failure::trouble(error.to_string()))?;
        Ok(Self { store, file: FileBeside(file) })
    }
}

impl FileBeside {
    /// Follows the file for as long as it is polled, and does nothing for ever if there is none.
    pub(super) async fn follow(self) {
        match self.0 {
            Some(mut follower) => follower.follow().await,
            None => std::future::pending().await,
        }
    }
}

fn text(scope: &Scope) -> Result<&str, Failure> {
    let (Scope::Key(key) | Scope::Prefix(key)) = scope;
    std::str::from_utf8(key.as_bytes()).map_err(|_| Failure::trouble("the source's key is not text"))
}
