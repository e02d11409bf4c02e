//! The loop that runs a watch over a backend, whoever it is for: a store, a subscription.
//!
//! A panic in it, wherever it comes from, costs one reconnect. While whoever follows takes its time, nothing is read and
//! nothing expires; afterwards what the server has said counts before what is overdue, as after a pause of the process.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::calls::Calls;
use crate::kv::{Connect, Key, KvUpdate, Listing, Revision};
use crate::watch::{Config, Input, Output, Report, Watch};

/// For whom a watch is run: it takes what the watch hands on, in this order and one at a time.
pub(crate) trait Follower: Send {
    /// This is the scope now, as a whole.
    fn replace(&mut self, listing: Listing) -> impl Future<Output = ()> + Send;

    /// One transaction changed this. With `more` another one is at hand, and comes next.
    fn change(
        &mut self,
        revision: Revision,
        events: Vec<KvUpdate>,
        more: bool,
    ) -> impl Future<Output = ()> + Send;

    /// Compares with a list, except the keys that changed after it was read; how many it found different and repaired.
    fn verify(&mut self, listing: Listing, later: BTreeSet<Key>) -> impl Future<Output = usize> + Send;

    /// What was handed on is what the server has at this revision.
    fn confirmed(&mut self, revision: Revision);

    /// Something to know.
    fn tell(&mut self, report: Report);

    /// Everything there was to do is done; the watch waits.
    fn before_waiting(&mut self) {}

    /// The task panicked, and goes on with a fresh list. What was being handed on may be lost.
    fn panicked(&mut self);
}

/// Follows the scope until the sender that belongs to `end` is dropped.
pub(crate) async fn follow<F: Follower>(
    connect: Arc<dyn Connect>,
    config: Config,
    follower: F,
    mut end: oneshot::Receiver<Infallible>,
) {
    let calls = Calls::new(connect, config.scope.clone());
    let mut run =
        Run { watch: Watch::new(config, now()), calls, follower, has_panicked: false, has_handed_on: false };
    loop {
        // State that a panic left half changed is dropped or listed anew.
        let step = AssertUnwindSafe(run.step()).catch_unwind();
        tokio::select! {
            biased;
            _ = &mut end => break,
            caught = step => {
                if caught.is_err() {
                    run.recover();
                }
            }
        }
    }
}

struct Run<F> {
    watch: Watch,
    calls: Calls,
    follower: F,
    /// In the step before.
    has_panicked: bool,
    /// In this step.
    has_handed_on: bool,
}

impl<F: Follower> Run<F> {
    async fn step(&mut self) {
        while let Some(output) = self.watch.poll_output() {
            self.act(output).await;
        }
        if std::mem::take(&mut self.has_handed_on) {
            // More of it may be waiting, and all of it costs something: others, and the end, are to have their turn.
            tokio::task::yield_now().await;
        }
        // Left out after a panic: should this be what panics, the watch comes to wait all the same.
        if !std::mem::take(&mut self.has_panicked) {
            self.follower.before_waiting();
        }
        let deadline = tokio::time::Instant::from_std(self.watch.deadline());
        let input = tokio::select! {
            // After a pause of the process both are ready, and what the server has said counts first.
            biased;
            input = self.calls.next() => input,
            () = tokio::time::sleep_until(deadline) => Input::TimerFired,
        };
        self.watch.handle(input, now());
    }

    fn recover(&mut self) {
        self.has_panicked = true;
        // What is told and dropped here is not ours either; that the connection is closed is told once more.
        let _panicked_again = catch_unwind(AssertUnwindSafe(|| self.follower.panicked()));
        let _panicked_again = catch_unwind(AssertUnwindSafe(|| self.calls.close()));
        self.watch.handle(Input::Panicked, now());
    }

    async fn act(&mut self, output: Output) {
        match output {
            Output::Connect { endpoint } => self.calls.connect(endpoint),
            Output::Head => self.calls.head(),
            Output::List => self.calls.list(),
            Output::OpenWatch { from } => self.calls.open_watch(from),
            Output::RequestProgress => {
                if let Some(failed) = self.calls.request_progress().await {
                    self.watch.handle(failed, now());
                }
            }
            Output::CloseWatch => self.calls.close_watch(),
            Output::Close => self.calls.close(),
            Output::Replace(_) | Output::Change { .. } | Output::Verify { .. } => self.hand_on(output).await,
            Output::Confirmed { revision } => self.follower.confirmed(revision),
            Output::Report(report) => self.follower.tell(report),
        }
    }

    /// The follower may take its time.
    async fn hand_on(&mut self, output: Output) {
        self.has_handed_on = true;
        let began = now();
        let mut repaired = 0;
        match output {
            Output::Replace(listing) => self.follower.replace(listing).await,
            Output::Change { revision, events } => {
                let more = self.watch.has_changes();
                self.follower.change(revision, events, more).await;
            }
            Output::Verify { listing, later } => repaired = self.follower.verify(listing, later).await,
            _ => {}
        }
        // Before what follows from it, which has its own time.
        self.watch.held_up(now().saturating_duration_since(began));
        if repaired > 0 {
            self.watch.handle(Input::Diverged, now());
        }
    }
}

/// The runtime's time: under test it may be virtual.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests;
