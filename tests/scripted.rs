//! The store before an etcd that says what a real one rarely does.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends, saying why")]

#[path = "scripted/cancels.rs"]
mod cancels;
#[path = "scripted/events.rs"]
mod events;
#[path = "scripted/reads.rs"]
mod reads;
#[path = "scripted/silence.rs"]
mod silence;
#[path = "scripted/statuses.rs"]
mod statuses;
#[allow(dead_code, reason = "the tests on real clusters use the rest")]
#[path = "ordeal/subject.rs"]
mod subject;
#[path = "ordeal/witnesses.rs"]
mod witnesses;

use std::time::{Duration, Instant};

use aldis_etcd::{Builder, EtcdDirectiveStore};
use rig::eventually;
use rig::ordeal::document;
use rig::scripted::{Call, Scripted};

use self::subject::{SOON, Subject};

/// The key under watch.
const KEY: &str = "aldis/directives";

/// What clients may ask in a second while a fault lasts: far more than retries with a backoff, and far less than a loop
/// that does not wait.
const CALLS_PER_SECOND: usize = 20;

/// An etcd that holds `one`.
fn holding_one() -> Scripted {
    let etcd = Scripted::start();
    etcd.put(KEY, document("one"));
    etcd
}

fn builder(etcd: &Scripted) -> Builder {
    EtcdDirectiveStore::builder([etcd.endpoint()]).scope(KEY)
}

/// A store that shows `one` and is live, and the etcd that holds it.
async fn following_one(fault: &str) -> (Scripted, Subject) {
    following_with(fault, |builder| builder).await
}

async fn following_with(fault: &str, configure: impl FnOnce(Builder) -> Builder) -> (Scripted, Subject) {
    let etcd = holding_one();
    let subject = Subject::connect(fault, "one", configure(builder(&etcd))).await;
    is_followed(&etcd).await;
    (etcd, subject)
}

/// Waits until the watch stands and has been asked how far it is. The store calls itself live as soon as it has read.
async fn is_followed(etcd: &Scripted) {
    let asked = || etcd.watches() == 1 && etcd.calls(Call::Progress) > 0;
    eventually("the store watches", SOON, asked).await;
}

fn calls(etcd: &Scripted) -> usize {
    let all = [Call::Status, Call::Authenticate, Call::Range, Call::Watch, Call::Progress];
    all.into_iter().map(|call| etcd.calls(call)).sum()
}

/// Lets the fault last, and the store not lose its patience.
async fn lasts(etcd: &Scripted, duration: Duration) {
    let (began, before) = (Instant::now(), calls(etcd));
    tokio::time::sleep(duration).await;
    let (seconds, calls) = (began.elapsed().as_secs(), calls(etcd) - before);
    let bound = usize::try_from(seconds + 1).expect("small") * CALLS_PER_SECOND;
    assert!(calls <= bound, "{calls} calls in {seconds} s");
}

/// Puts `two` while the fault lasts, and ends the fault.
async fn ends_on_two(etcd: &Scripted, subject: &Subject) {
    subject.ordeal.publish("two");
    etcd.put(KEY, document("two"));
    etcd.heal();
    subject.ordeal.stops();
    subject.ends_on("two").await;
}
