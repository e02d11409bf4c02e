//! One fault: a store that follows an etcd through a link, and the two times that count.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aldis_etcd::{Builder, EtcdDirectiveStore, State, Status};
use rig::etcd::{Etcd, Version};
use rig::eventually_blocking;
use rig::link::Link;
use tokio::runtime::Runtime;

use super::story::{NUMBER, SCOPE, SHORT, Sight, Story, numbered, short};
use super::witness::{Recorder, Witness};

/// What the contract allows until a dead link is noticed.
pub(crate) const NOTICE: Duration = Duration::from_secs(10);

/// What the contract allows from the end of a fault to the present value.
pub(crate) const CONVERGENCE: Duration = Duration::from_secs(15);

/// How long a look may be late on a machine with other things to do.
const LATE: Duration = Duration::from_millis(500);

/// How long a store has to start, and to be live, in good weather.
const SOON: Duration = Duration::from_secs(10);

/// What a fault came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    /// From the fault to the loss being on show, where it is to be noticed.
    pub(crate) noticed: Option<Duration>,
    /// From the end of the fault to the present value.
    pub(crate) converged: Option<Duration>,
}

/// A case under way. What ends it early ends all of it: store, witness, link, etcd.
pub(crate) struct Case {
    store: EtcdDirectiveStore,
    witness: Witness,
    story: Arc<Story>,
    /// As it was before the fault.
    calm: Status,
    figures: Figures,
    pub(crate) link: Link,
    pub(crate) etcd: Etcd,
    /// Credentials for etcdctl, once auth has been enabled.
    pub(crate) user: Option<&'static str>,
    _runtime: Runtime,
}

impl Case {
    /// On an etcd of this version with nothing special.
    pub(crate) fn on(version: &Version) -> Self {
        Self::over(Etcd::builder().version(version).start())
    }

    pub(crate) fn over(etcd: Etcd) -> Self {
        Self::with(etcd, |builder| builder)
    }

    /// With a store that is configured further.
    pub(crate) fn with(etcd: Etcd, configure: impl FnOnce(Builder) -> Builder) -> Self {
        let link = Link::to(etcd.address());
        let builder = configure(EtcdDirectiveStore::builder([link.endpoint()]));
        Self::following(etcd, link, builder)
    }

    /// With a store of this builder, which may have other endpoints than the link.
    pub(crate) fn following(etcd: Etcd, link: Link, builder: Builder) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let (runtime, story) = (runtime.expect("a runtime"), Arc::new(Story::default()));
        etcd.put(NUMBER, numbered(story.next(), 0));
        etcd.put(SHORT, short());
        let recorder = Recorder::new(Arc::clone(&story));
        let builder = builder.scope(SCOPE).sink(Arc::<Recorder>::clone(&recorder));
        let store = runtime.block_on(builder.connect()).expect("etcd answers");
        let witness = Witness::of(&store, recorder, runtime.handle());
        let (calm, figures) = (store.status(), Figures::default());
        let mut case =
            Self { store, witness, story, calm, figures, link, etcd, user: None, _runtime: runtime };
        case.settle();
        case
    }

    /// A store is live as soon as it has read its scope; this waits until the watch stands, too: what comes by it is
    /// there, and the server has confirmed it since.
    fn settle(&mut self) {
        self.publish();
        let is_confirmed = || self.store.status().last_confirmed > self.calm.last_confirmed;
        eventually_blocking("the watch stands", SOON, || self.is_present() && is_confirmed());
        self.calm = self.store.status();
    }

    /// Before another fault: what is lost by that one is to count, and not what was lost by those before.
    pub(crate) fn takes_stock(&mut self) {
        self.calm = self.store.status();
    }

    /// Publishes the next document.
    pub(crate) fn publish(&self) {
        self.publish_padded(0);
    }

    /// The same with so many blanks behind it.
    pub(crate) fn publish_padded(&self, blanks: usize) {
        self.put(NUMBER, &numbered(self.story.next(), blanks));
    }

    /// Deletes the document.
    pub(crate) fn delete(&self) {
        self.gone();
        self.etcd.delete(NUMBER);
    }

    /// From now on the document may be gone.
    pub(crate) fn gone(&self) {
        self.story.nothing();
    }

    pub(crate) fn status(&self) -> Status {
        self.store.status()
    }

    /// It has reported one change of the cluster.
    pub(crate) fn reports_another_cluster(&self) {
        // Who counts the reports may be a little behind.
        eventually_blocking("it is reported", SOON, || self.witness.cluster_changes() > 0);
        assert_eq!(self.witness.cluster_changes(), 1);
    }

    /// The loss is on show in time, counted from now: the fault has just begun.
    pub(crate) fn notices(&mut self) {
        self.notices_since(Instant::now());
    }

    pub(crate) fn notices_since(&mut self, began: Instant) {
        let lost = |now: &Status| now.state != State::Live || now.reconnects > self.calm.reconnects;
        let noticed = self.wait("noticed", began, NOTICE, lost);
        self.figures.noticed = self.figures.noticed.max(Some(noticed));
    }

    /// The newest document is in force, and confirmed to be the present one, in time; counted from now: the fault has
    /// just ended.
    pub(crate) fn converges(&mut self) {
        self.converges_since(Instant::now());
    }

    pub(crate) fn converges_since(&mut self, ended: Instant) {
        self.converges_within(ended, CONVERGENCE);
    }

    /// The same under a fault that does not end, where what is to come takes so long by itself.
    pub(crate) fn converges_beside(&mut self, transfer: Duration) {
        self.converges_within(Instant::now(), CONVERGENCE + transfer);
    }

    fn converges_within(&mut self, ended: Instant, limit: Duration) {
        let converged = self.wait("converged", ended, limit, |_| self.is_present());
        self.figures.converged = self.figures.converged.max(Some(converged));
    }

    /// It has gone on as if nothing were: live, without a reconnect.
    pub(crate) fn stays_live(&self) {
        let status = self.store.status();
        let unharmed = (status.state, status.reconnects) == (State::Live, self.calm.reconnects);
        assert!(unharmed, "is to go on undisturbed: {status:?}");
    }

    /// Ends the case: nothing was blanked, widened, revived or taken back.
    pub(crate) fn end(self) -> Figures {
        let status = self.store.status();
        assert_eq!((status.panics, status.sink_failures, status.refused.len()), (0, 0, 0), "{status:?}");
        assert_eq!(self.witness.end(), Vec::<String>::new());
        self.figures
    }

    /// Whether the newest document is in force, and the server says so.
    fn is_present(&self) -> bool {
        let sight = Sight::of(&self.store.snapshot(), self.store.now());
        sight.number == self.story.newest() && self.store.status().state == State::Live
    }

    fn wait(&self, what: &str, since: Instant, limit: Duration, is_so: impl Fn(&Status) -> bool) -> Duration {
        loop {
            let status = self.store.status();
            let took = since.elapsed();
            if is_so(&status) {
                assert!(took < limit + LATE, "{what} only after {took:?}: {status:?}");
                return took;
            }
            assert!(took < limit + LATE, "not {what} within {limit:?}: {status:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn put(&self, key: &str, document: &str) {
        match self.user {
            None => self.etcd.put(key, document),
            Some(user) => drop(self.etcd.etcdctl(&[user, "put", "--", key, document])),
        }
    }
}
