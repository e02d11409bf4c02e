//! A store that goes through an ordeal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aldis_etcd::{Builder, DirectiveStore, EtcdDirectiveStore, Sink, SinkError, Snapshot, State, Status};
use rig::eventually;
use rig::ordeal::Ordeal;

/// The key under watch.
pub(crate) const KEY: &str = "aldis/directives";

/// How long something healthy may take on a busy machine. It usually takes milliseconds.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A store, and the witness of all that it puts in force.
pub(crate) struct Subject {
    pub(crate) store: EtcdDirectiveStore,
    pub(crate) ordeal: Arc<Ordeal>,
    /// Reconnects before the fault.
    calm: AtomicU64,
    /// How often the revision has decreased.
    falls: Arc<AtomicU64>,
}

struct Witness {
    ordeal: Arc<Ordeal>,
    /// The last revision, and how often it was smaller than the one before.
    revision: AtomicU64,
    falls: Arc<AtomicU64>,
}

impl Sink for Witness {
    fn name(&self) -> &'static str {
        "witness"
    }

    fn apply(&self, snapshot: &Arc<Snapshot>) -> Result<(), SinkError> {
        self.ordeal.saw(&snapshot.set);
        let revision = snapshot.revision.as_u64();
        if self.revision.swap(revision, Ordering::SeqCst) > revision {
            self.falls.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }
}

impl Subject {
    /// Connects a store that is to show `shown` first.
    pub(crate) async fn connect(fault: &str, shown: &str, builder: Builder) -> Self {
        Self::under(Ordeal::new(fault, shown), builder).await
    }

    pub(crate) async fn under(ordeal: Ordeal, builder: Builder) -> Self {
        let (ordeal, falls) = (Arc::new(ordeal), Arc::<AtomicU64>::default());
        let witness =
            Witness { ordeal: Arc::clone(&ordeal), revision: AtomicU64::new(0), falls: Arc::clone(&falls) };
        let store = builder.sink(Arc::new(witness)).connect().await.expect("etcd answers");
        Self { store, ordeal, calm: AtomicU64::new(0), falls }
    }

    pub(crate) fn status(&self) -> Status {
        self.store.status()
    }

    /// The ids in force, joined by blanks.
    pub(crate) fn ids(&self) -> String {
        self.store.load().iter().map(|directive| directive.id.into_owned()).collect::<Vec<_>>().join(" ")
    }

    pub(crate) async fn shows(&self, ids: &str) {
        eventually(&format!("the store shows {ids:?}"), SOON, || self.ids() == ids).await;
    }

    /// The fault begins now.
    pub(crate) fn struck(&self) {
        self.calm.store(self.status().reconnects, Ordering::SeqCst);
        self.ordeal.begins();
    }

    /// The loss shows. The first retry may follow at once, so whoever looks now and then need not see that it was stale.
    pub(crate) async fn notices_a_loss(&self) {
        let calm = self.calm.load(Ordering::SeqCst);
        self.ordeal
            .noticed(|| {
                let status = self.status();
                status.state == State::Stale || status.reconnects > calm
            })
            .await;
    }

    /// The fault shows: whoever looks reads this in the status.
    pub(crate) async fn tells(&self, cause: &str) {
        self.ordeal.noticed(|| self.status().last_error.is_some_and(|error| error.contains(cause))).await;
    }

    /// After the fault the store is live and shows this.
    pub(crate) async fn ends_on(&self, ids: &str) {
        self.ends_after_falls(ids, 0).await;
    }

    /// The same, of another incarnation of the cluster that is not as far as the one before.
    pub(crate) async fn ends_further_back_on(&self, ids: &str) {
        self.ends_after_falls(ids, 1).await;
    }

    async fn ends_after_falls(&self, ids: &str, falls: u64) {
        self.ordeal.converged(|| self.ids() == ids && self.status().state == State::Live).await;
        assert_eq!((self.status().panics, self.status().sink_failures), (0, 0));
        assert_eq!(self.falls.load(Ordering::SeqCst), falls, "of the revision that readers see");
    }
}

/// A document of one directive with this id. Without blanks, so that it fits into a transaction of etcdctl.
pub(crate) fn document(id: &str) -> String {
    format!(r#"{{"directives":[{{"id":"{id}","level":"Shape","ttl_secs":600,"tenant":"{id}"}}]}}"#)
}
