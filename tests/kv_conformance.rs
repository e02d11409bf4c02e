//! The embedded backend behaves as etcd does: one story, told to both, must read the same.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on ends, saying why"
)]

#[path = "kv_conformance/follow.rs"]
mod follow;
#[path = "kv_conformance/leases.rs"]
mod leases;
#[path = "kv_conformance/model.rs"]
mod model;
#[path = "kv_conformance/quiet.rs"]
mod quiet;
#[path = "kv_conformance/reads.rs"]
mod reads;
#[path = "kv_conformance/resume.rs"]
mod resume;
#[path = "kv_conformance/source.rs"]
mod source;
#[path = "kv_conformance/subject.rs"]
mod subject;
#[path = "kv_conformance/torn.rs"]
mod torn;
#[path = "kv_conformance/writes.rs"]
mod writes;

use self::subject::{Subject, Told};

#[tokio::test(flavor = "multi_thread")]
async fn memory_and_every_etcd_tell_the_same_story() {
    // All at once: what takes long is waiting for leases to end.
    let others: Vec<_> =
        Subject::every_etcd().await.into_iter().map(|subject| tokio::spawn(story(subject))).collect();
    let (_, memory) = story(Subject::memory()).await;
    for other in others {
        let (name, told) = other.await.expect("the story ends");
        told.assert_same(&memory, &name);
    }
}

/// Everything that a client can see, as text; revisions of a fresh store are the same everywhere.
async fn story(subject: Subject) -> (String, Told) {
    let mut told = Told::default();
    writes::tell(&subject, &mut told).await;
    writes::tell_refusals(&subject, &mut told).await;
    reads::tell(&subject, &mut told).await;
    source::tell(&subject, &mut told).await;
    follow::tell(&subject, &mut told).await;
    follow::tell_ends(&subject, &mut told).await;
    leases::tell(&subject, &mut told).await;
    resume::tell(&subject, &mut told).await;
    source::tell_compaction(&subject, &mut told).await;
    (subject.name, told)
}
