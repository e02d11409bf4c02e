//! From the bytes of a publication to the set that the next request is decided by, all in one process.

use std::sync::Arc;

use aldis_core::DirectiveSet;
use aldis_etcd::kv::Revision;
use aldis_etcd::sink::{NativeCache, Sink};
use aldis_etcd::{Digest, Snapshot};
use anyhow::Result;
use bench::{Contender, Goal, Pace, ThreadTime, race};
use osproxy_observe::{DirectiveStore, InMemoryDirectiveStore};
use peers::reference;
use peers::scene::{self, ANCHOR, DECODED};

use crate::report::Report;

pub(crate) fn run(report: &mut Report) -> Result<()> {
    row(report, "push: 1 directive, until it is in force", 1)?;
    row(report, "push: 10 000 directives, until they are in force", DECODED)
}

/// What both give is the number of directives that a reader then finds.
fn row(report: &mut Report, what: &str, directives: usize) -> Result<()> {
    let document = scene::mixed(directives).document;
    let documents = [document.as_bytes()];
    let ours = NativeCache::new(snapshot(document.as_bytes())?);
    let mut reader = ours.reader();
    let theirs = InMemoryDirectiveStore::new();
    let mut contenders = [
        Contender::new(
            "Aldis",
            &documents,
            |document| {
                let applied = ours.apply(&snapshot(document)?);
                applied.map(|()| reader.load().len()).map_err(anyhow::Error::from)
            },
            count,
        ),
        Contender::new(
            "osproxy",
            &documents,
            |document| {
                theirs.publish(reference::decode(document)?);
                Ok(theirs.load().len())
            },
            count,
        ),
    ];
    let timings = race(&mut contenders, Pace::LONG, &ThreadTime)?;
    report.race(what, &timings, Goal::Reported)
}

/// As the store makes one of what a watch brings.
fn snapshot(document: &[u8]) -> Result<Arc<Snapshot>> {
    let set = Arc::new(DirectiveSet::decode(document, ANCHOR)?);
    let digest = Digest::of([(&b"aldis/directives"[..], document)]);
    Ok(Arc::new(Snapshot::new(Revision::new(1), digest, set)))
}

fn count(directives: Result<usize>) -> u64 {
    directives.map_or(u64::MAX, |directives| directives as u64)
}
