//! A store that goes through an ordeal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use aldis_etcd::{Builder, DirectiveStore, EtcdDirectiveStore, State, Status, UnixMillis};
use rig::ordeal::{Figures, Ordeal};
use rig::{eventually, say};

use super::witnesses::{Losses, Prober, Recorder, count_cluster_changes};

/// How long something healthy may take on a busy machine. It usually takes milliseconds.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A store, and the witnesses of all that it puts in force.
pub(crate) struct Subject {
    pub(crate) store: EtcdDirectiveStore,
    pub(crate) ordeal: Arc<Ordeal>,
    losses: Losses,
    /// Reconnects before the fault.
    calm: AtomicU64,
    /// When the server had confirmed what was read first.
    first_confirmed: Option<UnixMillis>,
    prober: Prober,
}

impl Subject {
    /// Connects a store that is to show `shown` first.
    pub(crate) async fn connect(fault: &str, shown: &str, builder: Builder) -> Self {
        Self::under(Ordeal::new(fault, shown), builder).await
    }

    pub(crate) async fn under(ordeal: Ordeal, builder: Builder) -> Self {
        let ordeal = Arc::new(ordeal);
        let store = builder.sink(Arc::new(Recorder::of(&ordeal))).connect().await.expect("etcd answers");
        let losses = Losses::of(&store);
        count_cluster_changes(&store, &ordeal);
        let (prober, first_confirmed) = (Prober::of(&store, &ordeal), store.status().last_confirmed);
        Self { store, ordeal, losses, calm: AtomicU64::new(0), first_confirmed, prober }
    }

    pub(crate) fn status(&self) -> Status {
        self.store.status()
    }

    /// The ids in force, joined by blanks.
    pub(crate) fn ids(&self) -> String {
        self.store.load().iter().map(|directive| directive.id.into_owned()).collect::<Vec<_>>().join(" ")
    }

    /// In good weather it shows this soon, and has shown nothing else.
    pub(crate) async fn shows(&self, ids: &str) {
        eventually(&format!("the store shows {ids:?}"), SOON, || self.ids() == ids).await;
        self.ordeal.goes_well();
    }

    /// A store is live as soon as it has read its scope. This waits until it can only have heard from its watch that all
    /// is well.
    pub(crate) async fn watches(&self) {
        let hears =
            |status: Status| status.state == State::Live && status.last_confirmed > self.first_confirmed;
        eventually("the watch stands", SOON, || hears(self.status())).await;
    }

    /// The fault begins now.
    pub(crate) fn struck(&self) {
        self.calm.store(self.status().reconnects, Ordering::SeqCst);
        self.losses.forget();
        self.ordeal.begins();
    }

    /// The loss shows. The first retry may follow at once, so whoever looks now and then need not see that it was stale.
    pub(crate) async fn notices_a_loss(&self) {
        let calm = self.calm.load(Ordering::SeqCst);
        self.ordeal
            .noticed_at(|| {
                let status = self.status();
                let notices = status.state == State::Stale || status.reconnects > calm;
                notices.then(|| self.losses.first().unwrap_or_else(Instant::now))
            })
            .await;
    }

    /// The fault shows: whoever looks reads this in the status.
    pub(crate) async fn tells(&self, cause: &str) {
        self.ordeal.noticed(|| self.status().last_error.is_some_and(|error| error.contains(cause))).await;
    }

    /// It has gone on as if nothing were: live, without a reconnect.
    pub(crate) fn stays_live(&self) {
        let status = self.status();
        let unharmed = (status.state, status.reconnects) == (State::Live, self.calm.load(Ordering::SeqCst));
        assert!(unharmed, "is to go on undisturbed: {status:?}");
    }

    /// After the fault the store is live and shows what was published last.
    pub(crate) async fn converges(&self) {
        let newest = self.ordeal.newest();
        self.ordeal.converged(|| self.ids() == newest && self.status().state == State::Live).await;
    }

    /// It reports one change of the cluster.
    pub(crate) async fn reports_another_cluster(&self) {
        // Who counts the reports may be a little behind.
        eventually("another cluster is reported", SOON, || self.ordeal.cluster_changes() > 0).await;
        assert_eq!(self.ordeal.cluster_changes(), 1);
    }

    /// After so many changes of the cluster nothing was seen that must not be, and nothing has gone wrong in the store.
    pub(crate) fn ends(&self, cluster_changes: u32) -> Figures {
        self.ends_after(0, cluster_changes)
    }

    /// The same, of a task that has panicked so many times.
    pub(crate) fn ends_after(&self, panics: u64, cluster_changes: u32) -> Figures {
        let status = self.status();
        assert_eq!((status.panics, status.sink_failures, status.refused.len()), (panics, 0, 0), "{status:?}");
        assert!(self.prober.looks(), "the reader has looked until now");
        self.ordeal.ends(cluster_changes)
    }

    /// After the fault the store is live and shows this, which was published last.
    pub(crate) async fn ends_on(&self, ids: &str) {
        assert_eq!(self.ordeal.newest(), ids);
        self.converges().await;
        self.ends(0);
        say(&self.ordeal.line());
    }

    /// The same, of another incarnation of the cluster that is not as far as the one before.
    pub(crate) async fn ends_further_back_on(&self, ids: &str) {
        assert_eq!(self.ordeal.newest(), ids);
        self.converges().await;
        self.reports_another_cluster().await;
        self.ends(1);
        assert_eq!(self.ordeal.decreases(), 1, "of the revision that readers see");
        say(&self.ordeal.line());
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        if thread::panicking() {
            say(&format!("{}: {:?}", self.ordeal.line(), self.status()));
        }
    }
}
