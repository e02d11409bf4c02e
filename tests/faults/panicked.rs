//! The store's own task panics, in the midst of whatever it is about.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aldis_etcd::EtcdDirectiveStore;
use aldis_etcd::kv::etcd::{EtcdConnector, EtcdOptions};
use aldis_etcd::kv::{Connect, Header, KvError, KvSource, KvWatch, Listing, Revision, Scope};
use async_trait::async_trait;
use rig::etcd::{Etcd, Version};
use rig::eventually_blocking;
use rig::link::Link;
use rig::ordeal::{CONVERGED_WITHIN, Figures};

use super::case::Case;

/// The next of these reads panics.
const VERIFY_EVERY: Duration = Duration::from_millis(500);

/// It costs one reconnect, and shows. What was published meanwhile is there afterwards.
pub(crate) fn task(version: &Version) -> Figures {
    let etcd = Etcd::builder().version(version).start();
    let link = Link::to(etcd.address());
    let connector = EtcdConnector::new(&EtcdOptions::new([link.endpoint()])).expect("options");
    let is_due = Arc::<AtomicBool>::default();
    let connect = Mined { etcd: connector, is_due: Arc::clone(&is_due) };
    let builder = EtcdDirectiveStore::over(Arc::new(connect)).verify_every(VERIFY_EVERY);
    let mut case = Case::following(etcd, link, builder);
    let before = case.status();
    is_due.store(true, Ordering::SeqCst);
    case.publish();
    eventually_blocking("it panics", CONVERGED_WITHIN, || !is_due.load(Ordering::SeqCst));
    case.converges();
    eventually_blocking("it is counted", CONVERGED_WITHIN, || case.status().panics == 1);
    case.publish();
    case.converges();
    let after = case.status();
    assert_eq!((after.reconnects, case.link.accepted()), (before.reconnects + 1, 2), "{before:?}, {after:?}");
    case.end_after_panics(1)
}

/// etcd, but for a read that panics once it is due.
struct Mined {
    etcd: EtcdConnector,
    is_due: Arc<AtomicBool>,
}

struct MinedSource {
    inner: Box<dyn KvSource>,
    is_due: Arc<AtomicBool>,
}

#[async_trait]
impl Connect for Mined {
    fn endpoints(&self) -> &[String] {
        self.etcd.endpoints()
    }

    async fn connect(&self, endpoint: usize) -> Result<Box<dyn KvSource>, KvError> {
        let inner = self.etcd.connect(endpoint).await?;
        Ok(Box::new(MinedSource { inner, is_due: Arc::clone(&self.is_due) }))
    }
}

#[async_trait]
impl KvSource for MinedSource {
    async fn head(&self, scope: &Scope) -> Result<Header, KvError> {
        self.inner.head(scope).await
    }

    async fn list(&self, scope: &Scope) -> Result<Listing, KvError> {
        let listing = self.inner.list(scope).await;
        assert!(!self.is_due.swap(false, Ordering::SeqCst), "on purpose");
        listing
    }

    async fn watch(&self, scope: &Scope, from: Revision) -> Result<Box<dyn KvWatch>, KvError> {
        self.inner.watch(scope, from).await
    }
}
