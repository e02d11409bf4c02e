//! One fault: a store that follows an etcd through a link, and what is published for it.

use std::time::{Duration, Instant};

use aldis_etcd::{Builder, EtcdDirectiveStore, Status};
use rig::etcd::{Etcd, Version};
use rig::link::Link;
use rig::ordeal::{Figures, SHORT, document};
use tokio::runtime::Runtime;

use super::subject::Subject;

/// The scope of every case.
pub(crate) const SCOPE: &str = "faults/";

/// The key whose document changes.
pub(crate) const NUMBER: &str = "faults/number";

/// A key whose document is published once, and ends by itself soon after it was first seen.
pub(crate) const SHORT_KEY: &str = "faults/short";

/// A case under way. What ends it early ends all of it: store, witnesses, link, etcd.
pub(crate) struct Case {
    subject: Subject,
    /// The ids of the scope before and after that of the number, by the order of their keys.
    beside: [Vec<String>; 2],
    number: u32,
    cluster_changes: u32,
    pub(crate) link: Link,
    pub(crate) etcd: Etcd,
    /// Credentials for etcdctl, once auth has been enabled.
    pub(crate) user: Option<&'static str>,
    runtime: Runtime,
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
        Self::start(etcd, link, builder, Vec::new())
    }

    /// On an etcd of this version with other documents of the scope, and so many blanks behind each. Their ids are in order,
    /// and come before `number`.
    pub(crate) fn beside(version: &Version, others: Vec<(String, usize)>) -> Self {
        let etcd = Etcd::builder().version(version).start();
        for (id, blanks) in &others {
            etcd.put(&format!("{SCOPE}{id}"), document(id) + &" ".repeat(*blanks));
        }
        let link = Link::to(etcd.address());
        let builder = EtcdDirectiveStore::builder([link.endpoint()]);
        Self::start(etcd, link, builder, others.into_iter().map(|(id, _)| id).collect())
    }

    fn start(etcd: Etcd, link: Link, builder: Builder, before: Vec<String>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (number, beside) = (1, [before, vec![SHORT.to_owned()]]);
        etcd.put(NUMBER, document(&numbered(number)));
        etcd.put(SHORT_KEY, document(SHORT));
        let shown = together(&beside, Some(numbered(number)));
        let fault = format!("etcd {}", etcd.version());
        let subject = runtime.block_on(Subject::connect(&fault, &shown, builder.scope(SCOPE)));
        let mut case = Self { subject, beside, number, cluster_changes: 0, link, etcd, user: None, runtime };
        case.settle();
        case
    }

    /// Waits until the watch stands, and what comes by it is there.
    fn settle(&mut self) {
        self.publish();
        self.runtime.block_on(async {
            self.subject.shows(&self.subject.ordeal.newest()).await;
            self.subject.watches().await;
        });
        self.subject.struck();
    }

    /// Before another fault: what is lost by that one is to count, and not what was lost by those before.
    pub(crate) fn takes_stock(&self) {
        self.subject.struck();
    }

    /// Publishes the next document.
    pub(crate) fn publish(&mut self) {
        self.publish_padded(0);
    }

    /// The same with so many blanks behind it.
    pub(crate) fn publish_padded(&mut self, blanks: usize) {
        self.number += 1;
        let id = numbered(self.number);
        let value = document(&id) + &" ".repeat(blanks);
        self.subject.ordeal.publish(&together(&self.beside, Some(id)));
        match self.user {
            None => self.etcd.put(NUMBER, value),
            Some(user) => drop(self.etcd.etcdctl(&[user, "put", "--", NUMBER, &value])),
        }
    }

    /// Deletes the document.
    pub(crate) fn delete(&self) {
        self.subject.ordeal.publish(&together(&self.beside, None));
        self.etcd.delete(NUMBER);
    }

    /// The store is about to meet data without the other documents of the scope.
    pub(crate) fn loses_the_others(&mut self) {
        self.beside = Default::default();
    }

    /// The store is about to meet data without any document of the scope.
    pub(crate) fn loses_all(&mut self) {
        self.loses_the_others();
        self.subject.ordeal.publish("");
    }

    pub(crate) fn status(&self) -> Status {
        self.subject.status()
    }

    /// It has reported one change of the cluster.
    pub(crate) fn reports_another_cluster(&mut self) {
        self.runtime.block_on(self.subject.reports_another_cluster());
        self.cluster_changes = 1;
    }

    /// The loss is on show in time, counted from now: the fault has just begun.
    pub(crate) fn notices(&self) {
        self.notices_since(Instant::now());
    }

    pub(crate) fn notices_since(&self, began: Instant) {
        self.subject.ordeal.began_at(began);
        self.runtime.block_on(self.subject.notices_a_loss());
    }

    /// The newest document is in force, and confirmed to be the present one, in time; counted from now: the fault has
    /// just ended.
    pub(crate) fn converges(&self) {
        self.converges_since(Instant::now());
    }

    pub(crate) fn converges_since(&self, ended: Instant) {
        self.subject.ordeal.stopped_at(ended);
        self.runtime.block_on(self.subject.converges());
    }

    /// The same under a fault that does not end, where what is to come takes so long by itself.
    pub(crate) fn converges_beside(&self, transfer: Duration) {
        self.subject.ordeal.transfers(transfer);
        self.converges();
    }

    /// It has gone on as if nothing were: live, without a reconnect.
    pub(crate) fn stays_live(&self) {
        self.subject.stays_live();
    }

    /// Ends the case: nothing was blanked, widened, revived or taken back.
    pub(crate) fn end(self) -> Figures {
        self.subject.ends(self.cluster_changes)
    }

    /// The same, after its task has panicked so many times.
    pub(crate) fn end_after_panics(self, panics: u64) -> Figures {
        self.subject.ends_after(panics, self.cluster_changes)
    }
}

/// The id of the document with this number.
pub(crate) fn numbered(number: u32) -> String {
    format!("n{number}")
}

/// All ids of the scope, joined by blanks.
fn together([before, after]: &[Vec<String>; 2], number: Option<String>) -> String {
    before.iter().cloned().chain(number).chain(after.iter().cloned()).collect::<Vec<_>>().join(" ")
}
